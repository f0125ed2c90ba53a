import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { ContainerClient } from './client.ts';
import { labels } from './group.ts';
import { refusalStatus } from './refusals.ts';
import { readHead } from './container-files.ts';
import { createBody } from './requests.ts';

const target = '/sluice-probe';

/** Null: the engine refused or broke off the probe, for a reason that may pass. */
export type Probed = boolean | null;

export type ProbedClient = Pick<ContainerClient, 'create' | 'getArchive' | 'statPath' | 'remove'>;

/**
 * Whether a path of this machine is the same to the engine, and open to it as it is to us: not if it runs elsewhere, nor if this worker
 * is in a container itself, nor if the engine is rootless and another user's. Found out by a file that only we and root may read, seen
 * through a container that is made but never started.
 */
export async function sharesFiles(client: ProbedClient, folder: string, image: string): Promise<Probed> {
  const nonce = randomUUID();
  const source = join(folder, `.probe-${nonce}`);
  await mkdir(folder, { recursive: true });
  await writeFile(source, nonce, { mode: 0o600 });
  try {
    return await throughProbe(client, folder, source, image, async (probe) => {
      try {
        return (await readHead(client, probe, target, nonce.length))?.toString() === nonce;
      } catch (error) {
        return nullIfCutOff(error);
      }
    });
  } finally {
    await rm(source, { force: true });
  }
}

/** An engine that may not read a file sends its name and size, and no more. Errors of a connection have a code, those of an archive none. */
function nullIfCutOff(error: unknown): null {
  if (error instanceof SluiceError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
  return null;
}

/** The same for a file or folder that nobody may write to: known by the nanosecond at which it was changed. */
export async function seesSame(
  client: ProbedClient,
  home: string,
  source: string,
  image: string,
): Promise<Probed> {
  const { mtimeNs, size } = await stat(source, { bigint: true });
  return throughProbe(client, home, source, image, async (probe) => {
    const seen = await client.statPath(probe, target);
    return seen !== null && seen.mtimeNs === mtimeNs && seen.size === size;
  });
}

async function throughProbe(
  client: ProbedClient,
  home: string,
  source: string,
  image: string,
  look: (probe: string) => Promise<Probed>,
): Promise<Probed> {
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
    const status = refusalStatus(error);
    if (status === null) throw error;
    // The engine has no such path. What else it may mean is not for ever.
    return status === 400 ? false : null;
  } finally {
    await client.remove(name);
  }
}

const root = new Set(['', '0', 'root', '0:0', 'root:root']);

/** Root reads whatever the engine does. */
export const runsAsRoot = (user: string) => root.has(user);
