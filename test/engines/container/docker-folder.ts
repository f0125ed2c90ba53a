import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionSettings } from '../../../src/engines/container/connection.ts';

/** Settings of somebody who has set nothing and whose home is below the folder. */
export function unset(folder: string, settings: Partial<ConnectionSettings> = {}): ConnectionSettings {
  const configFolder = join(folder, '.docker');
  return {
    host: null,
    context: null,
    configFolder,
    tls: false,
    tlsVerify: false,
    certFolder: configFolder,
    runtimeFolder: join(folder, 'run'),
    homeFolder: folder,
    sshEnvironment: {},
    ...settings,
  };
}

export async function writeConfig(folder: string, content: unknown): Promise<void> {
  await mkdir(join(folder, '.docker'), { recursive: true });
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await writeFile(join(folder, '.docker', 'config.json'), text);
}

/** A context as `docker context create` leaves it, with these TLS files. Returns the folder of those. */
export async function writeContext(
  folder: string,
  name: string,
  meta: unknown,
  tls: Record<string, string> = {},
): Promise<string> {
  const id = createHash('sha256').update(name).digest('hex');
  const contexts = join(folder, '.docker', 'contexts');
  const tlsFolder = join(contexts, 'tls', id, 'docker');
  await mkdir(join(contexts, 'meta', id), { recursive: true });
  const text = typeof meta === 'string' ? meta : JSON.stringify(meta);
  await writeFile(join(contexts, 'meta', id, 'meta.json'), text);
  if (Object.keys(tls).length > 0) await mkdir(tlsFolder, { recursive: true });
  for (const [file, content] of Object.entries(tls)) await writeFile(join(tlsFolder, file), content);
  return tlsFolder;
}

export const contextAt = (Host: string, more: object = {}) => ({
  Name: 'any',
  Metadata: {},
  Endpoints: { docker: { Host, SkipTLSVerify: false, ...more } },
});
