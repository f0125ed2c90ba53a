import type { LinkedNotification } from '../core/notification.ts';
import { targetKind, type NotifyTarget } from '../core/notify-targets.ts';

export interface Notifier {
  /** Whether this worker could tell the target: its secrets and settings are there. @throws SluiceError `InvalidInput`. */
  check(target: NotifyTarget): Promise<void>;
  /** Tells one target. @throws SluiceError that is retryable when it didn't take it and may later. */
  notify(target: NotifyTarget, notification: LinkedNotification, signal: AbortSignal): Promise<void>;
}

export type Channels = Record<ReturnType<typeof targetKind>, Notifier>;

/** Each target by the channel of its kind. */
export function createNotifier(channels: Channels): Notifier {
  return {
    check: (target) => channels[targetKind(target)].check(target),
    notify: (target, notification, signal) =>
      channels[targetKind(target)].notify(target, notification, signal),
  };
}
