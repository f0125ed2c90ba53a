import { SluiceError } from '../core/errors.ts';
import { defaultSubject, defaultText, fillIn } from '../core/notification.ts';
import type { SecretReader, SecretReference } from '../core/secrets.ts';
import type { Notifier } from './notifier.ts';
import { asSubject } from './sns.ts';

export interface MailSettings {
  /** `smtps://user:password@host:465` or `smtp://host:25`; null if the worker sends no e-mail. */
  smtpUrl: SecretReference | null;
  /** The sender, `Sluice <sluice@example.com>`. */
  from: string | null;
}

interface EmailOptions extends MailSettings {
  readSecret: SecretReader;
  timeoutMs?: number;
}

interface Server {
  host: string;
  port: number;
  secure: boolean;
  auth: { user: string; pass: string } | null;
}

/** Sends by SMTP. A password goes over TLS only; without one, TLS is used where the server offers it. */
export function createEmailNotifier(options: EmailOptions): Notifier {
  const { timeoutMs = 10_000 } = options;
  return {
    async check() {
      await settingsOf(options);
    },

    async notify({ email = [], text, subject }, notification, signal) {
      const { server, from } = await settingsOf(options);
      const { createTransport } = await import('nodemailer');
      const transport = createTransport({
        ...{ host: server.host, port: server.port, secure: server.secure },
        ...(server.auth && { auth: server.auth, requireTLS: !server.secure }),
        ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs },
        // Addresses and text are nothing to read files or to fetch for.
        ...{ disableFileAccess: true, disableUrlAccess: true },
      });
      try {
        const { rejected } = (await transport.sendMail({
          from,
          to: email,
          subject: asSubject(fillIn(subject ?? defaultSubject, notification)),
          text: fillIn(text ?? defaultText(notification), notification),
          // The same every time, so that mailboxes can drop repetitions.
          messageId: `<${notification.deduplicationKey}.${notification.event}@sluice>`,
          signal,
        })) as { rejected: unknown[] };
        if (rejected.length > 0) throw notTaken(server, rejected.map(String));
      } catch (error) {
        signal.throwIfAborted();
        throw error instanceof SluiceError ? error : failureOf(server, error as SmtpError);
      } finally {
        transport.close();
      }
    },
  };
}

async function settingsOf({
  smtpUrl,
  from,
  readSecret,
}: EmailOptions): Promise<{ server: Server; from: string }> {
  if (smtpUrl === null || from === null) {
    throw new SluiceError(
      'InvalidInput',
      'This worker sends no e-mail: it has no SLUICE_SMTP_URL (or SLUICE_SMTP_URL_FILE) and SLUICE_MAIL_FROM',
    );
  }
  return { server: parseServer(await readSecret(smtpUrl)), from };
}

/** What it throws doesn't quote the address: it has the password. */
function parseServer(text: string): Server {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '') {
    throw new SluiceError(
      'InvalidInput',
      'SLUICE_SMTP_URL is no smtp:// or smtps:// address (a password in it must be percent-encoded)',
    );
  }
  const secure = url.protocol === 'smtps:';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    auth: url.username === '' ? null : { user: decoded(url.username), pass: decoded(url.password) },
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

interface SmtpError extends Error {
  code?: string;
  /** What the server answered: 550, say. */
  responseCode?: number;
}

const notTaken = ({ host }: Server, addresses: readonly string[]) =>
  new SluiceError('InvalidInput', `The mail server ${host} takes no mail for ${addresses.join(', ')}`);

/** By code and status; the texts are the server's. */
function failureOf({ host }: Server, { code = '', responseCode }: SmtpError): SluiceError {
  const said = [code, responseCode].filter(Boolean).join(' ') || 'it hung up';
  if (code === 'EAUTH' || code === 'ENOAUTH') {
    return new SluiceError('AccessDenied', `The mail server ${host} refuses user or password (${said})`);
  }
  const details = { host, code, status: responseCode ?? null };
  if (code === 'ETLS' || code === 'EREQUIRETLS') {
    const what = `There is no TLS with the mail server ${host}, and no password is sent without (${said})`;
    return new SluiceError('InvalidInput', what, { details });
  }
  if (responseCode !== undefined && responseCode >= 500) {
    return new SluiceError('InvalidInput', `The mail server ${host} refuses the message (${said})`, {
      details,
    });
  }
  return new SluiceError('ServiceUnavailable', `The mail server ${host} took no message (${said})`, {
    details,
  });
}
