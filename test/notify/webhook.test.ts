import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorTable, isErrorCode } from '../../src/core/errors.ts';
import { createAddressRules } from '../../src/notify/addresses.ts';
import { createSecretReader } from '../../src/secrets.ts';
import { createWebhookNotifier, slackText } from '../../src/notify/webhook.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { notification, target } from '../support/notification.ts';
import { startReceiver, type Delivery } from '../support/world.ts';

const folder = folderPerTest();
const never = new AbortController().signal;
const readSecret = createSecretReader((name) => ({ SLACK_URL: slackUrl })[name]);
const rules = createAddressRules(['127.0.0.1']);
let slackUrl: string | undefined;
const send = (webhook: string | object, options?: { timeoutMs?: number }, signal = never) =>
  createWebhookNotifier({ readSecret, rules, ...options }).notify(target({ webhook }), notification, signal);
const refusal = (webhook: string, options?: { timeoutMs?: number }) => failureOf(send(webhook, options));
const isRetryable = ({ code = '' }: { code?: string }) => isErrorCode(code) && errorTable[code].retryable;

const open: { close(): Promise<void> }[] = [];
afterEach(() => Promise.all(open.splice(0).map((server) => server.close())));

async function receiver(status?: number): Promise<{ url: string; deliveries: Delivery[] }> {
  const started = await startReceiver(status);
  open.push(started);
  return started;
}

/** A server that misbehaves; its address. */
async function serving(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

describe('a delivery', () => {
  it('has a text that channels show and the facts beside it', async () => {
    const { url, deliveries } = await receiver();
    await send(url);
    expect(deliveries).toHaveLength(1);
    const { headers, body } = deliveries[0]!;
    const { text, ...facts } = body;
    expect(facts).toEqual(notification);
    expect(text).toMatch(/abalone.*QualityGateRejected.*abalone-7[\s\S]*mse is 7[\s\S]*http:..ui.example/);
    expect(headers['content-type']).toBe('application/json');
  });

  it('goes to the address that a file has, as secrets are mounted', async () => {
    const { url, deliveries } = await receiver();
    const file = join(folder(), 'address');
    await writeFile(file, `${url}\n`);
    await send({ File: file });
    expect(deliveries).toHaveLength(1);
  });

  it('has the same key every time, so that a receiver can drop repetitions', async () => {
    const { url, deliveries } = await receiver();
    await send(url);
    await send(url);
    expect(deliveries.map(({ headers }) => headers['idempotency-key'])).toEqual(['run-1', 'run-1']);
  });

  it('is taken with any answer of success, whatever the body does', async () => {
    await send((await receiver(204)).url);
    const breaking = await serving((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
    });
    await send(breaking);
    const endless = await serving((_request, response) => {
      response.writeHead(200).write('more to come');
    });
    await send(endless, { timeoutMs: 2000 });
  });

  it('carries the user of the address as a header', async () => {
    const { url, deliveries } = await receiver();
    await send(url.replace('//', '//us%65r:p%40ss@'));
    expect(deliveries[0]!.headers.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
  });
});

describe('the text', () => {
  it('wakes nobody by signs of Slack in a message', () => {
    const text = slackText(undefined, { ...notification, message: '<!channel> a & b <http://x|y>' });
    expect(text).toContain('&lt;!channel&gt; a &amp; b');
    expect(text).not.toMatch(/[<>]/);
  });

  it('has the signs of Slack that its template has', () => {
    expect(slackText('<{url}|{pipeline}>: {value}', notification)).toBe(`<${notification.url}|abalone>: 7`);
  });

  it('of a long message is cut', () => {
    const text = slackText('{message}', { ...notification, message: 'x'.repeat(100_000) });
    expect(text.length).toBeLessThan(4100);
    expect(text.endsWith('…')).toBe(true);
  });
});

describe('a message for Teams', () => {
  it('is an Adaptive Card with the text, the metric and the link', async () => {
    const { url, deliveries } = await receiver();
    await createWebhookNotifier({ readSecret, rules }).notify(
      target({ webhook: url, format: 'teams', text: '[{pipeline}](http://evil)\n{message}' }),
      notification,
      never,
    );
    expect(deliveries[0]!.body).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: {
            type: 'AdaptiveCard',
            body: [
              // Runs of text know no Markdown.
              { type: 'RichTextBlock', inlines: [{ type: 'TextRun', text: '[abalone](http://evil)' }] },
              { type: 'RichTextBlock', inlines: [{ type: 'TextRun', text: notification.message }] },
              { type: 'FactSet', facts: [{ title: 'mse', value: '7' }, { value: '≤ 6' }] },
            ],
            actions: [{ type: 'Action.OpenUrl', url: notification.url }],
          },
        },
      ],
    });
  });
});

describe('an address by reference', () => {
  afterEach(() => (slackUrl = undefined));

  it('is read where the worker has it, when it is used', async () => {
    const { url, deliveries } = await receiver();
    slackUrl = url;
    await send({ Env: 'SLACK_URL' });
    expect(deliveries).toHaveLength(1);
  });

  it('that leads to nothing, or to no address, is refused before the run', async () => {
    const check = (webhook: object) =>
      failureOf(createWebhookNotifier({ readSecret, rules }).check(target({ webhook })));
    expect(await check({ Env: 'SLACK_URL' })).toMatchObject({
      code: 'InvalidInput',
      message: 'The worker has no environment variable SLACK_URL',
    });
    expect(await check({ File: '/no/such/file' })).toMatchObject({ code: 'InvalidInput' });
    expect((await check({ File: '/etc/passwd' })).message).toBe(
      'A webhook is no http:// or https:// address',
    );
    expect((await check({ File: '/dev/zero' })).message).toContain('is no file of at most 8192 bytes');
  });
});

describe('an address of the worker itself or of its cloud', () => {
  const strict = createAddressRules();
  const refused = (webhook: string, own = strict) =>
    failureOf(
      createWebhookNotifier({ readSecret, rules: own, timeoutMs: 3000 }).notify(
        target({ webhook }),
        notification,
        never,
      ),
    );

  it.each([
    ...['127.0.0.1', '127.1', '2130706433', '0x7f.1', '0.0.0.0', '169.254.169.254', '169.254.170.2'],
    ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:a9fe:a9fe]', '[fe80::1]', '[fd00:ec2::254]'],
    ...['[64:ff9b::a9fe:a9fe]', '100.100.100.200', '168.63.129.16', '224.0.0.1'],
  ])('is refused: %s', async (host) => {
    expect(await refused(`http://${host}:9/`)).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('SLUICE_WEBHOOK_ALLOW='),
    });
  });

  it('is refused also under a name, by what the name means when the connection is made', async () => {
    const { url, deliveries } = await receiver();
    const failure = await refused(url.replace('127.0.0.1', 'localhost'));
    expect(failure).toMatchObject({ code: 'InvalidInput', retryable: false });
    expect(failure.message).toMatch(/^No request is sent to localhost: it means (127.0.0.1|::1),/);
    expect(deliveries).toEqual([]);
  });

  it('is told if it is allowed, and no other', async () => {
    const { url, deliveries } = await receiver();
    const own = createAddressRules(['127.0.0.0/8', '::1']);
    await createWebhookNotifier({ readSecret, rules: own }).notify(
      target({ webhook: url.replace('127.0.0.1', 'localhost') }),
      notification,
      never,
    );
    expect(deliveries).toHaveLength(1);
    expect(await refused('http://169.254.169.254/', own)).toMatchObject({ code: 'InvalidInput' });
  });
});

describe('a target that does not take it', () => {
  it.each([500, 502, 503, 429, 408])('now is asked again: %i', async (status) => {
    const failure = await refusal((await receiver(status)).url);
    expect(failure).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining(String(status)),
    });
    expect(isRetryable(failure)).toBe(true);
  });

  it.each([400, 401, 403, 404, 410])('ever is not asked again: %i', async (status) => {
    const failure = await refusal((await receiver(status)).url);
    expect(failure).toMatchObject({ code: 'InvalidInput', message: expect.stringContaining(String(status)) });
    expect(isRetryable(failure)).toBe(false);
  });

  it.each([301, 302, 307, 308])('but sends elsewhere is not followed: %i', async (status) => {
    const elsewhere = await receiver();
    const url = await serving((_request, response) =>
      response.writeHead(status, { location: elsewhere.url }).end(),
    );
    const failure = await refusal(url);
    expect(failure.message).toContain('redirects');
    expect(isRetryable(failure)).toBe(false);
    expect(elsewhere.deliveries).toEqual([]);
  });

  it('because nobody listens is asked again', async () => {
    const { url } = await receiver();
    await Promise.all(open.splice(0).map((server) => server.close()));
    expect(await refusal(url)).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('because it hangs up is asked again', async () => {
    const url = await serving((request) => request.socket.destroy());
    expect(await refusal(url)).toMatchObject({ code: 'ServiceUnavailable' });
  });

  it('because it never answers is given up in time', async () => {
    const url = await serving(() => undefined);
    const failure = await refusal(url, { timeoutMs: 300 });
    expect(failure).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining('no answer within 0.3 s'),
    });
  });

  it('in time is dropped when the activity is cancelled, for the reason of the cancellation', async () => {
    const url = await serving(() => undefined);
    const reason = new Error('cancelled by a person');
    const cancelling = new AbortController();
    const sending = failureOf(send(url, {}, cancelling.signal));
    setTimeout(() => cancelling.abort(reason), 50);
    expect(await sending).toBe(reason);
  });

  it.each(['ftp://host/hook', 'file:///etc/passwd', 'no address', ''])(
    'because no request may be sent there is not asked again: %s',
    async (url) => {
      expect(await refusal(url)).toMatchObject({ code: 'InvalidInput' });
    },
  );
});

describe('a secret in the address', () => {
  const secret = 'T0PSECRET';
  let base: URL;
  beforeEach(async () => {
    base = new URL((await receiver(404)).url);
  });
  const secretUrls: [where: string, url: (base: URL) => string][] = [
    ['path', ({ origin }) => `${origin}/services/${secret}`],
    ['query', ({ origin }) => `${origin}/?token=${secret}`],
    ['fragment', ({ origin }) => `${origin}/#${secret}`],
    ['user', ({ host }) => `http://${secret}@${host}/`],
    ['password', ({ host }) => `http://user:${secret}@${host}/`],
    ['path of nobody', () => `http://127.0.0.1:9/${secret}`],
    ['path of an unknown host', () => `http://host.invalid/${secret}`],
    ['address that is none', () => `http//${secret}`],
    ['address of another protocol', () => `ftp://user:${secret}@host/${secret}`],
    ['port that is none', () => `http://host:${secret}/${secret}`],
  ];

  it.each(secretUrls)('is never told, neither in messages nor in causes: %s', async (_where, url) => {
    const failure = await refusal(url(base), { timeoutMs: 3000 });
    expect(failure).toMatchObject({ name: 'SluiceError' });
    expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(secret);
  });
});
