import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../core/errors.ts';
import { sageMakerName, type JobRequest } from '../../core/jobs.ts';
import type { LocalJob } from '../engine.ts';
import { isAlive, isSupervised } from './liveness.ts';

/** The files of one job. */
export interface JobFolder {
  path: string;
  /** Becomes /opt/ml. */
  ml: string;
  /** Standard output and error of the job. */
  log: string;
  request: string;
  plan: string;
  /** There from before the job is started, for ever: no other start. */
  started: string;
  exit: string;
  /** There when somebody asked the job to stop. */
  stop: string;
  /** A FIFO that the supervisor reads. */
  control: string;
  /** A FIFO that the supervisor and the job hold open. */
  alive: string;
  /** What the supervisor itself has to say: nothing, unless it is broken. */
  supervisorLog: string;
}

/** @throws SluiceError `InvalidInput` for a name that would leave the folder. */
export function jobFolder(jobsDir: string, name: string): JobFolder {
  if (!sageMakerName.safeParse(name).success) {
    throw new SluiceError('InvalidInput', `${JSON.stringify(name)} is no name of a job`, {
      details: { name },
    });
  }
  return filesOf(join(jobsDir, name));
}

export function filesOf(path: string): JobFolder {
  return {
    path,
    ml: join(path, 'ml'),
    log: join(path, 'log.txt'),
    request: join(path, 'request.json'),
    plan: join(path, 'plan'),
    started: join(path, 'started.json'),
    exit: join(path, 'exit.json'),
    stop: join(path, 'stop'),
    control: join(path, 'control'),
    alive: join(path, 'alive'),
    supervisorLog: join(path, 'supervisor.log'),
  };
}

interface RequestRecord {
  /** Absent in records of before there was another one. */
  engine?: LocalEngineName;
  requestHash: string;
  request: JobRequest;
}

export type LocalEngineName = 'process' | 'container';

/**
 * The request that the job was made from; null if there is no such job. It was whole before the folder got its name, but a
 * machine that lost its power may not have kept it.
 */
export async function readRequest(files: JobFolder): Promise<RequestRecord | 'damaged' | null> {
  const text = await readUnlessMissing(files.request);
  if (text === null) return null;
  try {
    return JSON.parse(text) as RequestRecord;
  } catch {
    return 'damaged';
  }
}

/** When the job was started; null if it was not. */
export async function readStartedAt(files: JobFolder): Promise<string | null> {
  const text = await readUnlessMissing(files.started);
  if (text === null) return null;
  try {
    return (JSON.parse(text) as { startedAt: string }).startedAt;
  } catch {
    return (await stat(files.started)).mtime.toISOString();
  }
}

/**
 * Makes the folder with the request in it, whole, unless there is one.
 * @returns whether there was one.
 * @throws SluiceError `SpecMismatch` if the job was made from another request, or for another engine.
 */
export async function adopt(
  engine: LocalEngineName,
  files: JobFolder,
  record: { requestHash: string; request: JobRequest },
): Promise<boolean> {
  const known = await readRequest(files);
  if (known === null) {
    const aside = filesOf(join(dirname(files.path), `.new-${basename(files.path)}-${randomUUID()}`));
    try {
      // Requests carry the variables of the job, and those may be secrets.
      await mkdir(aside.path, { mode: 0o700 });
      await writeFile(aside.request, JSON.stringify({ engine, ...record }, null, 2), { flush: true });
      if (await renameUnlessThere(aside.path, files.path)) return false;
    } finally {
      await rm(aside.path, { recursive: true, force: true });
    }
    return adopt(engine, files, record);
  }
  checkSame(engine, basename(files.path), known, record.requestHash);
  return true;
}

export const damagedReason = 'the record of its request is damaged, as after a loss of power';

/** @throws SluiceError `SpecMismatch`; `JobLost` if the record is damaged. */
export function checkSame(
  engine: LocalEngineName,
  name: string,
  known: RequestRecord | 'damaged',
  requestHash: string,
): void {
  if (known === 'damaged') {
    throw new SluiceError('JobLost', `The job ${name} is there already, but ${damagedReason}`, {
      details: { jobName: name },
    });
  }
  const other = known.engine ?? 'process';
  if (known.requestHash === requestHash && other === engine) return;
  const from = other === engine ? 'from another request' : `by the ${other} engine`;
  throw new SluiceError('SpecMismatch', `The job ${name} is there already, made ${from}`, {
    details: { jobName: name, requestHash, otherRequestHash: known.requestHash, engine: other },
  });
}

/** Who comes first makes it. */
export async function renameUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

/** The jobs of an engine that have a folder here, by name. */
export async function listJobs(jobsDir: string, engine: LocalEngineName): Promise<LocalJob[]> {
  const names = ((await readdir(jobsDir).catch(nullIfMissing)) ?? []).filter(
    (name) => sageMakerName.safeParse(name).success,
  );
  const jobs = await Promise.all(
    names.sort().map((name) => describeFolder(name, engine, jobFolder(jobsDir, name))),
  );
  return jobs.filter((job) => job !== null);
}

/** Null if the job was removed in the meantime, or is another engine's. */
async function describeFolder(
  name: string,
  engine: LocalEngineName,
  files: JobFolder,
): Promise<LocalJob | null> {
  const record = await readRequest(files);
  const info = await stat(files.request).catch(nullIfMissing);
  if (record === null || info === null) return null;
  // Of a damaged one nobody knows the engine; somebody has to name it.
  const owner = record === 'damaged' ? 'process' : (record.engine ?? 'process');
  if (owner !== engine) return null;
  const tags = record === 'damaged' ? {} : record.request.tags;
  return { name, tags, createdAt: info.mtime, state: await stateOf(files) };
}

async function stateOf(files: JobFolder): Promise<LocalJob['state']> {
  if (exists(files.exit)) return 'ended';
  if ((await isAlive(files)) || (await isSupervised(files))) return 'running';
  if (!exists(files.started)) return 'prepared';
  return exists(files.exit) ? 'ended' : 'lost';
}

/** Removes a job and all that it left. @returns false, and does nothing, if it is still running. */
export async function removeJob(jobsDir: string, name: string): Promise<boolean> {
  const files = jobFolder(jobsDir, name);
  if ((await stateOf(files)) === 'running') return false;
  // Under another name first, so that nobody finds half a job.
  const aside = join(jobsDir, `.old-${name}-${randomUUID()}`);
  try {
    await rename(files.path, aside);
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
  return true;
}

export function exists(path: string): boolean {
  return existsSync(path);
}

export async function readUnlessMissing(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(nullIfMissing);
}

export function isMissing(error: unknown): boolean {
  return hasErrorCode(error, 'ENOENT');
}

export function hasErrorCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function nullIfMissing(error: unknown): null {
  if (isMissing(error)) return null;
  throw error;
}
