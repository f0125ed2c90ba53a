import { Context } from '@temporalio/activity';
import type { Notification } from '../core/notification.ts';
import type { NotifyTarget } from '../core/notify-targets.ts';
import { runPage } from '../core/web-ui.ts';
import type { Dependencies } from './dependencies.ts';

export interface NotifyInput {
  target: NotifyTarget;
  notification: Notification;
}

/** Tells one target. It is tried again when that fails, so a target may be told more than once, under the same key. */
export async function notify(
  { notifier, uiUrl }: Dependencies,
  { target, notification }: NotifyInput,
): Promise<void> {
  const { cancellationSignal, info } = Context.current();
  const { workflowId, runId } = notification;
  const url = uiUrl === null ? null : runPage(uiUrl, info.namespace, workflowId, runId);
  await notifier.notify(target, { ...notification, url }, cancellationSignal);
}
