import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { sageMakerName, type EndedJobState } from '../../core/jobs.ts';
import { writeOnce } from '../local/durable.ts';
import { exists, isMissing, readUnlessMissing, renameUnlessThere } from '../local/job-folder.ts';
import type { StagedPlace } from './requests.ts';

/** What stands for a job's data on S3 while it runs on this machine. */
export interface StagingFolder {
  path: string;
  record: string;
  /** Each input in a folder of its own, whole. */
  inputs: string;
  /** Written by the job's engine. */
  outputs: string;
  /** There when somebody asked the job to stop. */
  stop: string;
  /** How the job ended, for ever: of a success there are all outputs on S3. Inputs and outputs go when it is there. */
  ended: string;
}

/** Of a job, so that whoever describes it knows what is to be uploaded. It has no secrets: variables stay with the engine. */
export interface StagingRecord {
  engine: string;
  requestHash: string;
  tags: Readonly<Record<string, string>>;
  outputs: readonly StagedPlace[];
}

/** @throws SluiceError `InvalidInput` for a name that would leave the folder. */
export function stagingFolder(folder: string, name: string): StagingFolder {
  if (!sageMakerName.safeParse(name).success) {
    throw new SluiceError('InvalidInput', `${JSON.stringify(name)} is no name of a job`, {
      details: { name },
    });
  }
  const path = join(folder, name);
  return {
    path,
    record: join(path, 'record.json'),
    inputs: join(path, 'in'),
    outputs: join(path, 'out'),
    stop: join(path, 'stop'),
    ended: join(path, 'ended.json'),
  };
}

export async function readRecord(files: StagingFolder): Promise<StagingRecord | null> {
  return parse(files.record, await readUnlessMissing(files.record)) as StagingRecord | null;
}

export async function readEnded(files: StagingFolder): Promise<EndedJobState | null> {
  return parse(files.ended, await readUnlessMissing(files.ended)) as EndedJobState | null;
}

/** Both files are whole before they have their name. */
function parse(path: string, text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch (error) {
    throw new SluiceError('StorageError', `${path} is damaged: remove its folder`, {
      cause: error,
      retryable: false,
    });
  }
}

/** Makes the folder with its record, unless there is one. @returns whether there was one. @throws SluiceError `SpecMismatch` if that is of another request. */
export async function adoptStaging(
  files: StagingFolder,
  name: string,
  record: StagingRecord,
): Promise<boolean> {
  const known = await readRecord(files);
  if (known === null) {
    const aside = join(dirname(files.path), `.new-${name}-${randomUUID()}`);
    try {
      await mkdir(aside, { recursive: true });
      await writeFile(join(aside, 'record.json'), JSON.stringify(record, null, 2), { flush: true });
      if (await renameUnlessThere(aside, files.path)) return false;
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
    return adoptStaging(files, name, record);
  }
  if (known.requestHash === record.requestHash && known.engine === record.engine) return true;
  throw new SluiceError('SpecMismatch', `The job ${name} is there already, made from another request`, {
    details: { jobName: name, requestHash: record.requestHash, otherRequestHash: known.requestHash },
  });
}

/** The end of the job: this one, or what another worker wrote first. Its data go. */
export async function settle(files: StagingFolder, state: EndedJobState): Promise<EndedJobState> {
  const text = await writeOnce(files.ended, JSON.stringify(state));
  await dropData(files);
  return JSON.parse(text) as EndedJobState;
}

export async function dropData({ inputs, outputs }: StagingFolder): Promise<void> {
  for (const path of [inputs, outputs]) await rm(path, { recursive: true, force: true });
}

/** Asks whoever has the job not to start it, and not to hand over its outputs. */
export async function markStopped(files: StagingFolder): Promise<void> {
  if (!exists(files.record) || exists(files.ended)) return;
  await writeFile(files.stop, '', { flag: 'a' }).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
}

/** When it was asked to stop; null if it was not. */
export async function stoppedAt(files: StagingFolder): Promise<string | null> {
  if (!exists(files.stop)) return null;
  return (await stat(files.stop)).mtime.toISOString();
}

/** The names of the jobs that have a folder here. */
export async function stagedNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names.filter((name) => sageMakerName.safeParse(name).success).sort();
}

/** Under another name first, so that nobody finds half of one. */
export async function removeStaging(folder: string, name: string): Promise<void> {
  const aside = join(folder, `.old-${name}-${randomUUID()}`);
  await rename(stagingFolder(folder, name).path, aside).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  await rm(aside, { recursive: true, force: true });
}

/** The one thing in an input's folder: `folder`, or `file` with the file in it under its own name. */
export async function inputPath(place: string): Promise<string> {
  const [kind] = await readdir(place);
  if (kind !== 'file') return join(place, 'folder');
  const [name = ''] = await readdir(join(place, 'file'));
  return join(place, 'file', name);
}

export const createdAt = async ({ record }: StagingFolder): Promise<Date> => (await stat(record)).mtime;
