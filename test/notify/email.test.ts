import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { createEmailNotifier } from '../../src/notify/email.ts';
import { createSecretReader } from '../../src/secrets.ts';
import { makeCertificates } from '../support/certificates.ts';
import { command } from '../support/commands.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { notification, target } from '../support/notification.ts';
import { findProgram } from '../support/real-parts.ts';

const folder = folderPerTest();
const never = new AbortController().signal;
const servers: SMTPServer[] = [];
afterEach(() =>
  Promise.all(
    servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  ),
);

interface Mail {
  from: string | undefined;
  to: string[];
  user: string | undefined;
  source: string;
}

/** A real SMTP server; what it took. */
async function smtpServer(options: SMTPServerOptions = {}): Promise<{ port: number; mails: Mail[] }> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom ? mailFrom.address : undefined,
          to: rcptTo.map(({ address }) => address),
          user: session.user === undefined ? undefined : String(session.user),
          source: Buffer.concat(chunks).toString(),
        });
        done();
      });
    },
    ...options,
  });
  // Clients that hang up are what some tests are about.
  server.on('error', () => undefined);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { port: (server.server.address() as AddressInfo).port, mails };
}

const password = 'p@ss w0rd';
const notifier = (url: string) =>
  createEmailNotifier({
    smtpUrl: { Env: 'SLUICE_SMTP_URL' },
    from: 'Sluice <sluice@example.com>',
    readSecret: createSecretReader((name) => (name === 'SLUICE_SMTP_URL' ? url : undefined)),
    timeoutMs: 10_000,
  });
const send = (url: string, written = {}, signal = never) =>
  notifier(url).notify(
    target({ email: ['a@example.com', 'b@example.com'], ...written }),
    notification,
    signal,
  );

describe('an e-mail', () => {
  it('goes to everybody, with subject, text and an id that is the same every time', async () => {
    const { port, mails } = await smtpServer();
    await send(`smtp://127.0.0.1:${port}`, { text: 'übel: {message}\n{url}' });
    await send(`smtp://127.0.0.1:${port}`);
    expect(mails[0]).toMatchObject({
      from: 'sluice@example.com',
      to: ['a@example.com', 'b@example.com'],
      source: expect.stringMatching(/^Subject: \[Sluice\] abalone rejected\r$/m),
    });
    expect(mails.map(({ source }) => /^Message-ID: (.*)\r$/m.exec(source)?.[1])).toEqual([
      ...['<run-1.rejected@sluice>', '<run-1.rejected@sluice>'],
    ]);
  });

  it('sends no password where there is no TLS', async () => {
    const tried: unknown[] = [];
    const { port, mails } = await smtpServer({
      onAuth: (auth, _session, done) => {
        tried.push(auth.password);
        done(null, { user: auth.username });
      },
      allowInsecureAuth: true,
    });
    const failure = await failureOf(send(`smtp://sluice:${encodeURIComponent(password)}@127.0.0.1:${port}`));
    expect(failure).toMatchObject({ code: 'InvalidInput', message: expect.stringContaining('no TLS') });
    expect([tried, mails]).toEqual([[], []]);
  });

  it('sends a password over TLS, to a server that an authority vouches for', async ({ skip }) => {
    if (findProgram('openssl') === undefined) skip('no openssl');
    await makeCertificates(folder(), 'server');
    const [key, cert] = ['key', 'cert'].map((kind) => readFileSync(join(folder(), `server-${kind}.pem`)));
    const passwords: unknown[] = [];
    const options: SMTPServerOptions = {
      onAuth: (auth, _session, done) => {
        passwords.push(auth.password);
        done(null, { user: auth.username });
      },
      disabledCommands: [],
      ...{ key, cert },
    };
    const [upgraded, secure] = [await smtpServer(options), await smtpServer({ ...options, secure: true })];
    const login = `sluice:${encodeURIComponent(password)}`;
    const urls = [`smtp://${login}@127.0.0.1:${upgraded.port}`, `smtps://${login}@127.0.0.1:${secure.port}`];
    for (const url of urls) {
      expect(await failureOf(send(url))).toMatchObject({ name: 'SluiceError' });
      expect(upgraded.mails.concat(secure.mails, passwords as Mail[])).toEqual([]);
    }
    for (const url of urls) await sendInProcess(url, join(folder(), 'ca.pem'));
    expect(passwords).toEqual([password, password]);
    expect([upgraded, secure].map(({ mails }) => mails[0]?.user)).toEqual(['sluice', 'sluice']);
  });

  it.each([
    [550, 'InvalidInput'],
    [450, 'ServiceUnavailable'],
  ])('that the server refuses with %i is %s', async (responseCode, code) => {
    const { port } = await smtpServer({
      onRcptTo: (_address, _session, done) => done(Object.assign(new Error('no'), { responseCode })),
    });
    expect(await failureOf(send(`smtp://127.0.0.1:${port}`))).toMatchObject({ code });
  });

  it('that one of two is not to get is told to the other, and not again', async () => {
    const { port, mails } = await smtpServer({
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('a') ? Object.assign(new Error('no'), { responseCode: 550 }) : null),
    });
    const failure = await failureOf(send(`smtp://127.0.0.1:${port}`));
    expect(failure).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('a@example.com'),
    });
    expect(mails.map(({ to }) => to)).toEqual([['b@example.com']]);
  });

  it('to a server that is not there is tried again', async () => {
    expect(await failureOf(send('smtp://127.0.0.1:9'))).toMatchObject({ code: 'ServiceUnavailable' });
  });

  it('is given up with the activity', async () => {
    const { port } = await smtpServer({ onConnect: () => undefined });
    const stop = new AbortController();
    const reason = new Error('canceled');
    const sending = failureOf(send(`smtp://127.0.0.1:${port}`, {}, stop.signal));
    setTimeout(() => stop.abort(reason), 200);
    expect(await sending).toBe(reason);
  });

  it('is refused before the run where no server or sender is set', async () => {
    const readSecret = createSecretReader(() => undefined);
    const without = createEmailNotifier({ smtpUrl: null, from: null, readSecret });
    expect(await failureOf(without.check(target({ email: ['a@example.com'] })))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/SLUICE_SMTP_URL.*SLUICE_MAIL_FROM/),
    });
  });

  it.each(['smtp//secret@host', 'https://user:secret@host', 'smtp://user:secret@'])(
    'never tells what is wrong with an address by quoting it: %s',
    async (url) => {
      const failure = await failureOf(send(url));
      expect(failure).toMatchObject({ code: 'InvalidInput' });
      expect(inspect(failure, { depth: 9 })).not.toContain('secret');
    },
  );
});

/** Node reads the authorities that it trusts when it starts. */
async function sendInProcess(url: string, authorities: string): Promise<void> {
  const program = fileURLToPath(new URL('fixtures/send-mail.js', import.meta.url));
  const env = { SMTP_URL: url, NODE_EXTRA_CA_CERTS: authorities };
  const { code, stderr } = await command(process.execPath, [program], env);
  expect(stderr).toBe('');
  expect(code).toBe(0);
}
