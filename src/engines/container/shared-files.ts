import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerClient } from './client.ts';
import { labels } from './group.ts';
import { refusalStatus } from './refusals.ts';
import { readHead } from './outputs.ts';
import { createBody } from './requests.ts';

const target = '/sluice-probe';

/**
 * Whether a path of this machine is the same to the engine: not if it runs elsewhere, nor if this worker is in a container itself.
 * Found out by a file, seen through a container that is made but never started.
 */
export async function sharesFiles(client: ContainerClient, folder: string, image: string): Promise<boolean> {
  const nonce = randomUUID();
  const source = join(folder, `.probe-${nonce}`);
  await mkdir(folder, { recursive: true });
  await writeFile(source, nonce);
  try {
    return await throughProbe(client, folder, source, image, async (probe) => {
      return (await readHead(client, probe, target, nonce.length))?.toString() === nonce;
    });
  } finally {
    await rm(source, { force: true });
  }
}

/** The same for a file or folder that nobody may write to: known by the nanosecond at which it was changed. */
export async function seesSame(
  client: ContainerClient,
  home: string,
  source: string,
  image: string,
): Promise<boolean> {
  const { mtimeNs, size } = await stat(source, { bigint: true });
  return throughProbe(client, home, source, image, async (probe) => {
    const seen = await client.statPath(probe, target);
    return seen !== null && seen.mtimeNs === mtimeNs && seen.size === size;
  });
}

async function throughProbe(
  client: ContainerClient,
  home: string,
  source: string,
  image: string,
  look: (probe: string) => Promise<boolean>,
): Promise<boolean> {
  const name = `sluice-probe-${randomUUID()}`;
  try {
    const body = createBody({
      name,
      image,
      entrypoint: null,
      // Some images have none, and the engine wants one.
      command: ['true'],
      environment: {},
      // By which `sluice clean` finds one that was left.
      labels: { [labels.job]: name, [labels.home]: home },
      hostname: 'probe',
      network: { kind: 'none' },
      mounts: [{ source, target }],
      instanceType: '',
      options: { stopGraceSeconds: 0, maxRuntimeSeconds: 1 },
    });
    await client.create(name, body);
    return await look(name);
  } catch (error) {
    // The engine has no such path.
    if (refusalStatus(error) !== null) return false;
    throw error;
  } finally {
    await client.remove(name);
  }
}

const root = new Set(['', '0', 'root', '0:0', 'root:root']);

/** Root reads whatever the engine does. */
export const runsAsRoot = (user: string) => root.has(user);
