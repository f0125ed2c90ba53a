import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { JobState, ModelBody } from '../../core/jobs.ts';
import type { LocalEngine } from '../engine.ts';
import { probeIsolation, supervisorScript, type Isolation } from './isolation.ts';
import {
  listJobs,
  removeJob,
  checkSame,
  damagedReason,
  exists,
  jobFolder,
  readRequest,
  readStartedAt,
  readUnlessMissing,
  type JobFolder,
} from '../local/job-folder.ts';
import { isAlive, isSupervised, killOrphans, requestStop } from '../local/liveness.ts';
import { readLogTail } from '../local/log-tail.ts';
import { listenToFolder } from '../local/news.ts';
import { pollIntervalMs } from '../local/polling.ts';
import { prepareJob } from './prepare.ts';
import { requestHash } from '../local/request-hash.ts';
import { checkRequest, type Frameworks } from './requirements.ts';
import { createStarter } from '../local/supervisor.ts';
import { endedState, lostState, parseExit } from '../local/exit-record.ts';

export interface ProcessEngineOptions extends Frameworks {
  /** Every job gets a folder in it, by its name. */
  jobsDir: string;
  /** A Python ≥ 3.9 for the supervisor. Default: `python`. */
  supervisorPython?: string;
  /** `auto` takes namespaces where they are to be had. */
  isolation: 'auto' | Isolation;
  /** Variables for every job, which a request can override. */
  baseEnvironment?: Readonly<Record<string, string>>;
  findModel(name: string): Promise<ModelBody>;
  /** Unpacks a model.tar.gz, and refuses what would leave the folder. */
  extractModel(uri: string, intoFolder: string, signal: AbortSignal): Promise<void>;
  localPath(uri: string): string;
}

/** Runs jobs as processes of this machine, each below a supervisor that outlives the worker. */
export function createProcessEngine(options: ProcessEngineOptions): LocalEngine {
  const jobsDir = resolve(options.jobsDir);
  const supervisorPython = options.supervisorPython ?? options.python;
  const files = (name: string) => jobFolder(jobsDir, name);
  const startSupervisor = createStarter({ python: supervisorPython, script: supervisorScript, jobsDir });
  let isolation: Isolation | undefined;

  return {
    name: 'process',

    check(job, model) {
      checkRequest(job, model ?? null, options);
    },

    async ensure(name, job, signal) {
      signal.throwIfAborted();
      const folder = files(name);
      const hash = requestHash(job);
      let adopted = await adopt(name, folder, hash);
      if (!adopted) {
        checkRequest(job, null, options);
        isolation ??= await chooseIsolation(options.isolation, supervisorPython);
        const setting = { ...settingOf(options), supervisorPython, isolation };
        await mkdir(jobsDir, { recursive: true });
        const made = await prepareJob({
          ...options,
          name,
          job,
          requestHash: hash,
          files: folder,
          setting,
          frameworks: options,
          signal,
        });
        if (!made) adopted = await adopt(name, folder, hash);
      }
      signal.throwIfAborted();
      if (!exists(folder.started)) await startSupervisor(folder);
      return { engine: 'process', name, adopted };
    },

    describe: async ({ name }) => describeJob(files(name)),

    async stop({ name }) {
      const folder = files(name);
      if (exists(folder.path) && !exists(folder.exit)) await requestStop(folder);
    },

    list: () => listJobs(jobsDir, 'process'),

    remove: (name) => removeJob(jobsDir, name),

    pollIntervalMs,

    listen: ({ name }) => listenToFolder(files(name).path),
  };
}

function settingOf(options: ProcessEngineOptions) {
  const { frameworksDir, baseEnvironment = {} } = options;
  return { frameworksDir, baseEnvironment, localPath: (uri: string) => options.localPath(uri) };
}

async function chooseIsolation(wanted: 'auto' | Isolation, python: string): Promise<Isolation> {
  if (wanted === 'none') return 'none';
  const probe = await probeIsolation(python);
  if (probe.available) return 'namespaces';
  if (wanted === 'auto') return 'none';
  throw new SluiceError(
    'EngineUnavailable',
    `Namespaces are not to be had on this machine: ${probe.reason}`,
    {
      retryable: false,
    },
  );
}

/** False if there is no such job. */
async function adopt(name: string, folder: JobFolder, hash: string): Promise<boolean> {
  const record = await readRequest(folder);
  if (record === null) return false;
  checkSame('process', name, record, hash);
  return true;
}

async function describeJob(folder: JobFolder): Promise<JobState> {
  const ended = await readEnded(folder);
  if (ended !== null) return ended;
  if (await isAlive(folder)) return describeLive(folder);
  const startedAt = await readStartedAt(folder);
  // Made but never started, it has nothing that could be lost: to ensure it starts it.
  if (startedAt === null) return { status: 'missing' };
  const endedMeanwhile = await readEnded(folder);
  if (endedMeanwhile !== null) return endedMeanwhile;
  const times = { startedAt, endedAt: new Date().toISOString() };
  return lostState(times, await readLogTail(folder.log));
}

async function describeLive(folder: JobFolder): Promise<JobState> {
  const startedAt = await readStartedAt(folder);
  if (startedAt === null) return { status: 'running', phase: 'starting', startedAt };
  const supervised = await isSupervised(folder);
  if (!supervised) await killOrphans(folder);
  const stopping = !supervised || exists(folder.stop);
  return { status: 'running', phase: stopping ? 'stopping' : 'running', startedAt };
}

async function readEnded(folder: JobFolder): Promise<JobState | null> {
  if (!exists(folder.exit)) return null;
  const text = await readUnlessMissing(folder.exit);
  const exit = text === null ? null : parseExit(text);
  if (exit === null) return null;
  const record = await readRequest(folder);
  if (record === null) return null;
  if (record === 'damaged') return lostState(exit, await readLogTail(folder.log), damagedReason);
  return endedState(exit, record.request, await readLogTail(folder.log));
}
