import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { quote } from '../../core/wording.ts';
import { parseAddress, type EngineAddress, type TlsFiles } from './address.ts';
import { damaged, readJsonObject } from './docker-config.ts';
import { isRecord } from './outside-data.ts';

/**
 * The engine of a context of the Docker CLI, from its folder. `source` is who named it. @throws SluiceError `InvalidInput` if
 * there is no such context, or there is no engine in it.
 */
export async function readContext(
  configFolder: string,
  name: string,
  source: string,
): Promise<EngineAddress> {
  const id = createHash('sha256').update(name).digest('hex');
  const file = join(configFolder, 'contexts', 'meta', id, 'meta.json');
  const meta = await readJsonObject(file);
  if (meta === null) {
    throw new SluiceError(
      'InvalidInput',
      `The context ${quote(name)} of ${source} is not there (${file}); \`docker context ls\` lists those that are`,
    );
  }
  const endpoint = isRecord(meta.Endpoints) ? meta.Endpoints.docker : undefined;
  if (!isRecord(endpoint)) throw damaged(file, 'it has no endpoint "docker"');
  const { Host: host = '', SkipTLSVerify: skipVerify = false } = endpoint;
  if (typeof host !== 'string') throw damaged(file, 'its Host is not a text');
  if (typeof skipVerify !== 'boolean') throw damaged(file, 'its SkipTLSVerify is neither true nor false');
  const tls = await tlsOfContext(join(configFolder, 'contexts', 'tls', id, 'docker'), skipVerify);
  return parseAddress(host === '' ? 'unix://' : host, `The context ${quote(name)} (${file})`, tls);
}

/** No files and no word about verification mean no TLS. */
async function tlsOfContext(folder: string, skipVerify: boolean): Promise<TlsFiles | null> {
  const names: string[] = await readdir(folder).catch(() => []);
  const present = (name: string) => (names.includes(name) ? join(folder, name) : null);
  const [ca, cert, key] = [present('ca.pem'), present('cert.pem'), present('key.pem')];
  if (ca === null && cert === null && key === null && !skipVerify) return null;
  if ((cert === null) !== (key === null)) {
    throw new SluiceError('InvalidInput', `${folder} has only one of cert.pem and key.pem`);
  }
  return { ca: skipVerify ? null : ca, cert, key, rejectUnauthorized: !skipVerify };
}
