import type { SnsApi } from '../aws/sns.ts';
import { defaultSubject, defaultText, fillIn } from '../core/notification.ts';
import type { Notifier } from './notifier.ts';

/** SNS takes 256 KB, attributes included; characters may have four bytes. */
const maxMessageLength = 30_000;

/** A message of text, with the facts that subscriptions filter by as attributes. */
export function createSnsNotifier(api: SnsApi): Notifier {
  return {
    // Whether the topic is there and may be written to, only a message tells.
    check: () => Promise.resolve(),

    async notify({ sns: topicArn = '', text, subject }, notification, signal) {
      const { event, pipeline, executionMode, code, deduplicationKey } = notification;
      const message = {
        topicArn,
        subject: asSubject(fillIn(subject ?? defaultSubject, notification)),
        message: fillIn(text ?? defaultText(notification), notification).slice(0, maxMessageLength),
        attributes: { event, pipeline, executionMode, ...(code !== null && { code }) },
        ...(topicArn.endsWith('.fifo') && {
          fifo: { groupId: pipeline, deduplicationId: deduplicationKey },
        }),
      };
      await api.publish(message, signal);
    },
  };
}

/** ASCII on one line, not more than 100 characters. */
export const asSubject = (text: string) =>
  text
    .replace(/[^ -~]+/g, ' ')
    .trim()
    .slice(0, 100) || 'Sluice';
