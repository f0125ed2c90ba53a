import { execFile } from 'node:child_process';
import { SluiceError } from '../../core/errors.ts';
import { isRecord } from './outside-data.ts';

export interface HelperAnswer {
  username: string;
  secret: string;
}

/** A helper may unlock a key ring or refresh a token, but nobody is there to be asked. */
export const helperSeconds = 30;

/**
 * Asks `docker-credential-<name>` for the credentials of a registry; null if it has none.
 * @throws SluiceError `AccessDenied` with the helper's own message. What it answers is never quoted.
 */
export async function askCredentialHelper(
  name: string,
  registry: string,
  timeoutSeconds = helperSeconds,
): Promise<HelperAnswer | null> {
  const program = `docker-credential-${name}`;
  const failed = (why: string) =>
    new SluiceError(
      'AccessDenied',
      `${program}, asked for the credentials of ${registry}, ${why}; \`docker login ${registry}\` as the user of the worker, or mend credsStore and credHelpers in Docker's config.json`,
    );
  // A name is no path: the configuration chooses among the programs that are installed.
  if (!/^[\w.-]+$/.test(name)) throw failed('has a name that no program has');
  const { error, stdout, stderr } = await run(program, registry, timeoutSeconds);
  if (error === null) {
    const answer = parseAnswer(stdout);
    if (answer === undefined) throw failed('gave an answer that is not that of a credential helper');
    return answer;
  }
  if (error.code === 'ENOENT') throw failed('is not on the PATH of the worker');
  if (error.killed === true) throw failed(`gave no answer within ${timeoutSeconds} s`);
  // By the protocol the reason is on standard output, and this text is the only sign of "none".
  if (stdout.trim().startsWith('credentials not found')) return null;
  throw failed(`failed: ${(stdout.trim() || stderr.trim() || error.message).slice(0, 500)}`);
}

interface Ended {
  error: { code?: unknown; killed?: boolean | undefined; message: string } | null;
  stdout: string;
  stderr: string;
}

function run(program: string, input: string, timeoutSeconds: number): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      ['get'],
      { timeout: timeoutSeconds * 1000, killSignal: 'SIGKILL', maxBuffer: 1_000_000 },
      (error, stdout, stderr) => resolve({ error, stdout, stderr }),
    );
    // It may not be there, or end without reading.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** Undefined if it is no answer, null if it is an empty one. */
function parseAnswer(text: string): HelperAnswer | null | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { Username: username = '', Secret: secret = '' } = value;
  if (typeof username !== 'string' || typeof secret !== 'string') return undefined;
  return secret === '' ? null : { username, secret };
}
