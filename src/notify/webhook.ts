import { SluiceError } from '../core/errors.ts';
import type { Notification, Notifier } from './notifier.ts';

/** Slack takes 40,000 characters, Teams 28 KB for the whole message; nobody reads more than this in a channel. */
const maxTextLength = 4000;

/**
 * Posts JSON whose `text` Slack and Teams show as it is; other receivers find the facts beside it. Messages name the host
 * only: in the path, the query or the user part of the address may be a secret.
 */
export function createWebhookNotifier({ timeoutMs = 10_000 } = {}): Notifier {
  return {
    async notify({ webhook }, notification, signal) {
      const { url, headers } = withoutUser(parseAddress(webhook));
      const timeout = AbortSignal.timeout(timeoutMs);
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          'idempotency-key': notification.deduplicationKey,
        },
        body: JSON.stringify({ text: asText(notification), ...notification }),
        redirect: 'manual',
        signal: AbortSignal.any([signal, timeout]),
      }).catch((error: Error) => {
        signal.throwIfAborted();
        const reason = timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : causeOf(error);
        throw new SluiceError(
          'ServiceUnavailable',
          `The webhook at ${url.host} cannot be reached: ${reason}`,
        );
      });
      // A body that breaks off tells nothing more than the status did.
      await response.body?.cancel().catch(() => undefined);
      if (!response.ok) throw refusal(url.host, response.status);
    },
  };
}

function refusal(host: string, status: number): SluiceError {
  const later = status >= 500 || status === 429 || status === 408;
  const redirected = status >= 300 && status < 400 ? '; give the address that it redirects to' : '';
  return new SluiceError(
    later ? 'ServiceUnavailable' : 'InvalidInput',
    `The webhook at ${host} answered ${status}${redirected}`,
    { details: { host, status } },
  );
}

/** The error of `new URL` holds the address, which may be a secret; that of `fetch` for another protocol looks like a fault of the network. */
function parseAddress(webhook: string): URL {
  const url = URL.canParse(webhook) ? new URL(webhook) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  throw new SluiceError('InvalidInput', 'A webhook is no http:// or https:// address');
}

/** `fetch` refuses addresses with a user in them, and quotes them in the message. */
function withoutUser(url: URL): { url: URL; headers: Record<string, string> } {
  if (url.username === '' && url.password === '') return { url, headers: {} };
  const user = `${decoded(url.username)}:${decoded(url.password)}`;
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return { url: bare, headers: { authorization: `Basic ${Buffer.from(user).toString('base64')}` } };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What a person reads in the channel. `&`, `<` and `>` are Slack's own signs: `<!channel>` would wake everybody. */
export function asText({ pipeline, workflowId, code, message }: Notification): string {
  const text = `Sluice: pipeline ${pipeline}, run ${workflowId}: ${code}\n${message}`;
  const cut = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
  return cut.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Never the message of `fetch` itself, which may quote the address. */
function causeOf({ name, cause }: Error): string {
  if (!(cause instanceof Error)) return name;
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}
