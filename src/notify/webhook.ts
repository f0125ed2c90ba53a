import { request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { SluiceError } from '../core/errors.ts';
import { defaultText, fillIn, type LinkedNotification } from '../core/notification.ts';
import type { NotifyTarget } from '../core/notify-targets.ts';
import type { SecretReader } from '../core/secrets.ts';
import type { AddressRules } from './addresses.ts';
import type { Notifier } from './notifier.ts';
import { teamsMessage } from './teams.ts';

/** Slack takes 40,000 characters, Teams 28 KB for the whole message; nobody reads more than this in a channel. */
const maxTextLength = 4000;

interface WebhookOptions {
  readSecret: SecretReader;
  rules: AddressRules;
  timeoutMs?: number;
}

/**
 * Posts JSON. Messages name the host only: in the path, the query or the user part of the address may be a secret. No redirect is
 * followed, and every connection is checked by the address that it is made to.
 */
export function createWebhookNotifier({ readSecret, rules, timeoutMs = 10_000 }: WebhookOptions): Notifier {
  const addressOf = async ({ webhook }: NotifyTarget) => {
    const url = parseAddress(typeof webhook === 'object' ? await readSecret(webhook) : (webhook ?? ''));
    rules.checkHost(url.hostname);
    return url;
  };
  return {
    async check(target) {
      await addressOf(target);
    },

    async notify(target, notification, signal) {
      const url = await addressOf(target);
      const timeout = AbortSignal.timeout(timeoutMs);
      const body = JSON.stringify(bodyOf(target, notification));
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'idempotency-key': notification.deduplicationKey,
      };
      const options = { headers, lookup: rules.lookup, signal: AbortSignal.any([signal, timeout]) };
      const status = await post(url, options, body).catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof SluiceError) throw error;
        const reason = timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : causeOf(error as Error);
        throw new SluiceError(
          'ServiceUnavailable',
          `The webhook at ${url.host} cannot be reached: ${reason}`,
        );
      });
      if (status < 200 || status > 299) throw refusal(url.host, status);
    },
  };
}

function bodyOf(target: NotifyTarget, notification: LinkedNotification): object {
  if (target.format === 'teams') return teamsMessage(target.text, notification);
  return { text: slackText(target.text, notification), ...notification };
}

/** What a person reads in the channel. `&`, `<` and `>` are Slack's own signs: `<!channel>` would wake everybody. */
export function slackText(template: string | undefined, notification: LinkedNotification): string {
  const escape = (value: string) =>
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const { message } = notification;
  const cut = message.length > maxTextLength ? `${message.slice(0, maxTextLength)}…` : message;
  return fillIn(template ?? defaultText(notification), { ...notification, message: cut }, escape);
}

/** @returns the status. What else is answered is of no use, and may never end. */
function post(url: URL, options: RequestOptions, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(
      bare(url),
      { ...options, ...credentials(url), method: 'POST', agent: false },
      (response) => {
        resolve(response.statusCode ?? 0);
        response.on('error', () => undefined).destroy();
      },
    );
    request.on('error', reject).end(body);
  });
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

/** The error of `new URL` holds the address, which may be a secret. */
function parseAddress(webhook: string): URL {
  const url = URL.canParse(webhook) ? new URL(webhook) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  throw new SluiceError('InvalidInput', 'A webhook is no http:// or https:// address');
}

function bare(url: URL): URL {
  const copy = new URL(url);
  copy.username = '';
  copy.password = '';
  return copy;
}

function credentials({ username, password }: URL): RequestOptions {
  if (username === '' && password === '') return {};
  return { auth: `${decoded(username)}:${decoded(password)}` };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Never the message, which may quote the address. */
const causeOf = (error: NodeJS.ErrnoException) => error.code ?? error.name;
