import { Context } from '@temporalio/activity';
import type { Notification } from '../notify/notifier.ts';
import type { Dependencies } from './dependencies.ts';

export interface NotifyInput {
  target: { webhook: string };
  notification: Notification;
}

/** Tells one target. It is tried again when that fails, so a target may be told more than once, under the same key. */
export async function notifyFailure(
  deps: Dependencies,
  { target, notification }: NotifyInput,
): Promise<void> {
  await deps.notifier.notify(target, notification, Context.current().cancellationSignal);
}
