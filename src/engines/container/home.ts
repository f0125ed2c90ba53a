import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeOnce } from '../local/durable.ts';
import { readUnlessMissing } from '../local/job-folder.ts';

/** Whose containers they are: two folders of jobs on one engine must not meddle with each other's. */
export interface Home {
  folder: string;
  /** Of this folder alone: on another machine may be one of the same path. */
  id: string;
  /** Which start of the machine this is; empty where the system does not tell. */
  boot: string;
}

export async function readHome(folder: string): Promise<Home> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, '.home');
  const id = (await readUnlessMissing(file)) ?? (await writeOnce(file, randomUUID()));
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return { folder, id, boot: boot.trim() };
}
