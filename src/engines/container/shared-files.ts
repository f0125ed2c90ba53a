import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerClient } from './client.ts';
import { refusalStatus } from './refusals.ts';
import { readHead } from './outputs.ts';
import { createBody } from './requests.ts';

/**
 * Whether a path of this machine is the same to the engine: not if it runs elsewhere, nor if this worker is in a container itself.
 * Found out by a file, seen through a container that is made but never started.
 */
export async function sharesFiles(client: ContainerClient, folder: string, image: string): Promise<boolean> {
  const nonce = randomUUID();
  const source = join(folder, `.probe-${nonce}`);
  const name = `sluice-probe-${nonce}`;
  const target = '/sluice-probe';
  await mkdir(folder, { recursive: true });
  await writeFile(source, nonce);
  try {
    const body = createBody({
      name,
      image,
      entrypoint: null,
      // Some images have none, and the engine wants one.
      command: ['true'],
      environment: {},
      labels: {},
      hostname: 'probe',
      network: { kind: 'none' },
      mounts: [{ source, target }],
      instanceType: '',
      options: { stopGraceSeconds: 0, maxRuntimeSeconds: 1 },
    });
    await client.create(name, body);
    return (await readHead(client, name, target, nonce.length))?.toString() === nonce;
  } catch (error) {
    // The engine has no such path.
    if (refusalStatus(error) !== null) return false;
    throw error;
  } finally {
    await client.remove(name);
    await rm(source, { force: true });
  }
}

const root = new Set(['', '0', 'root', '0:0', 'root:root']);

/** Root reads whatever the engine does. */
export const runsAsRoot = (user: string) => root.has(user);
