import { Context, log } from '@temporalio/activity';
import type { Notification } from '../notify/notifier.ts';
import type { Dependencies } from './dependencies.ts';

export interface NotifyInput {
  targets: { webhook: string }[];
  notification: Notification;
}

/**
 * Tells the log, then every target. A target that fails does not keep the others from being told; the activity then fails
 * and tries again, so a target may be told more than once, under the same key.
 */
export async function notifyFailure(
  deps: Dependencies,
  { targets, notification }: NotifyInput,
): Promise<void> {
  log.error('run did not pass', { notification });
  const signal = Context.current().cancellationSignal;
  const told = await Promise.allSettled(
    targets.map((target) => deps.notifier.notify(target, notification, signal)),
  );
  const failed = told.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
