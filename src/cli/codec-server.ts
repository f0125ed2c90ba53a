import { defaultCodecPort, startCodecServer } from '../codec/server.ts';
import { readConfig } from '../config.ts';
import { loadDataConverter } from '../data-converter.ts';
import { plainError, usageError } from './errors.ts';
import { onInterrupt } from './interrupts.ts';
import { print } from './output.ts';
import { findServer } from './server/session.ts';

interface Options {
  port?: number;
  host: string;
  origin?: string[];
}

/** Decodes payloads for the Web UI and the Temporal CLI until Ctrl-C. */
export async function codecServerCommand({
  port = defaultCodecPort,
  host,
  origin,
}: Options): Promise<number> {
  if (!(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw usageError('--port must be a number from 0 to 65535');
  const config = readConfig();
  const { payloadCodecs: [codec] = [] } = await loadDataConverter(config);
  if (codec === undefined || config.encryptionKeys === null) {
    throw plainError(
      'There is nothing to decode: neither SLUICE_ENCRYPTION_KEYS nor SLUICE_ENCRYPTION_KEYS_FILE is set',
    );
  }
  const origins = origin ?? webUis(findServer(config)?.uiUrl ?? null);
  const stopped = new Promise<void>((resolve) => onInterrupt(() => resolve()));
  const server = await startCodecServer({ codec, host, port, origins }).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EADDRINUSE') throw cause;
      throw plainError(`Port ${port} is taken; choose another one with --port`);
    },
  );
  print(
    [
      `Codec server at ${server.url}, for pages of ${origins.join(', ')}`,
      `Web UI: the glasses at the top right, "${server.url}"; Temporal CLI: --codec-endpoint ${server.url}`,
      'Whoever reaches it reads what is encrypted. Ctrl-C ends it.',
    ].join('\n'),
  );
  await stopped;
  await server.close();
  return 0;
}

/** The Web UI in use, and those of a dev server and of Temporal's Compose files on this machine. */
function webUis(found: string | null): string[] {
  const usual = ['localhost', '127.0.0.1'].flatMap((name) => [`http://${name}:8233`, `http://${name}:8080`]);
  return [...new Set([...(found === null ? [] : [new URL(found).origin]), ...usual])];
}
