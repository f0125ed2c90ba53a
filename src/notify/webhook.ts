import { SluiceError } from '../core/errors.ts';
import type { Notification, Notifier } from './notifier.ts';

const timeoutMs = 10_000;

/** Posts JSON whose `text` Slack and Teams show as it is; other receivers find the facts beside it. */
export function createWebhookNotifier(): Notifier {
  return {
    async notify({ webhook }, notification, signal) {
      const host = new URL(webhook).host;
      const response = await fetch(webhook, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': notification.deduplicationKey },
        body: JSON.stringify({ text: asText(notification), ...notification }),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }).catch((error: Error) => {
        // The address may hold a secret, so messages name the host only.
        throw new SluiceError(
          'ServiceUnavailable',
          `The webhook at ${host} cannot be reached: ${causeOf(error)}`,
        );
      });
      await response.body?.cancel();
      if (response.ok) return;
      const later = response.status >= 500 || response.status === 429 || response.status === 408;
      throw new SluiceError(
        later ? 'ServiceUnavailable' : 'InvalidInput',
        `The webhook at ${host} answered ${response.status}`,
      );
    },
  };
}

export function asText({ pipeline, workflowId, code, message }: Notification): string {
  return `Sluice: pipeline ${pipeline}, run ${workflowId}: ${code}\n${message}`;
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
