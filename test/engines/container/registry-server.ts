import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../../support/commands.ts';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/until.ts';
import { answers, end } from './ssh-server.ts';

export interface Registry {
  /** `127.0.0.1:port`, which every engine takes without TLS. */
  host: string;
  close(): Promise<void>;
}

/** Docker's registry on a port of this machine, for these users only. Everything lies in the folder. */
export async function startRegistry(folder: string, users: Record<string, string>): Promise<Registry> {
  const port = await freePort();
  const passwords = join(folder, 'htpasswd');
  await writeFile(passwords, '');
  for (const [user, password] of Object.entries(users)) {
    const { code, stderr } = await command('htpasswd', ['-Bb', passwords, user, password]);
    if (code !== 0) throw new Error(`htpasswd: ${stderr}`);
  }
  const config = join(folder, 'registry.yml');
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, 'registry') } },
      http: { addr: `127.0.0.1:${port}` },
      auth: { htpasswd: { realm: 'test', path: passwords } },
    }),
  );
  const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  await until(() => {
    if (registry.exitCode !== null) throw new Error(`docker-registry ended with ${registry.exitCode}`);
    return answers(port);
  });
  return { host: `127.0.0.1:${port}`, close: () => end(registry) };
}
