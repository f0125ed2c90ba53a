import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EndedJobState, JobRef, JobRequest, JobState } from '../core/jobs.ts';
import type { S3Storage } from '../storage/storage.ts';
import type { Engine } from './engine.ts';
import { exists } from './local/job-folder.ts';
import { requestHash } from './local/request-hash.ts';
import { bringInput } from './staged/inputs.ts';
import { localRequest, stagingOf, type StagedPlace } from './staged/requests.ts';
import {
  adoptStaging,
  dropData,
  markStopped,
  readEnded,
  readRecord,
  settle,
  stagingFolder,
  stoppedAt,
  type StagingFolder,
  type StagingRecord,
} from './staged/staging-folder.ts';

type Transfers = Pick<S3Storage, 'find' | 'download' | 'put'>;

/**
 * An engine of this machine for jobs whose data are on S3. Inputs are downloaded before a job is made, each whole or not at all;
 * outputs are uploaded before its success is told, and tried again when that fails. What is on disk says how far a job has come, so
 * that another worker goes on wherever one died. Of a job that failed or was stopped nothing is uploaded.
 * @param folder - in which each such job has a folder, by its name; the local engine must be able to read and write it.
 */
export function createStagedEngine(local: Engine, storage: Transfers, folder: string): Engine {
  const filesOf = (name: string) => stagingFolder(folder, name);

  return {
    name: local.name,

    check: (job, model) => local.check(job, model),

    async ensure(name, job, signal, tell) {
      signal.throwIfAborted();
      const { inputs, outputs } = stagingOf(job);
      if (inputs.length + outputs.length === 0) return local.ensure(name, job, signal, tell);
      const files = filesOf(name);
      const record = { engine: local.name, requestHash: requestHash(job), tags: job.tags, outputs };
      const adopted = await adoptStaging(files, name, record);
      try {
        await makeJob(local, storage, { name, job, files, inputs, signal, tell });
      } catch (error) {
        // Another worker has come to the end meanwhile, and removed what this one was about to use.
        if (!exists(files.ended)) throw error;
      }
      return { engine: local.name, name, adopted };
    },

    async describe(ref, signal) {
      const files = filesOf(ref.name);
      const record = await readRecord(files);
      if (record === null) return local.describe(ref, signal);
      const ended = await readEnded(files);
      if (ended !== null) {
        // Whoever wrote it may have died before this.
        await dropData(files);
        return ended;
      }
      const state = await local.describe(ref, signal);
      const stopped = await stoppedAt(files);
      if (stopped !== null) return stoppedState(local, ref, files, state, stopped);
      if (state.status === 'missing' || state.status === 'running') return state;
      if (state.status === 'succeeded') {
        const other = await upload(storage, files, record, signal);
        if (other !== null) return other;
      }
      return settle(files, state);
    },

    async stop(ref) {
      await markStopped(filesOf(ref.name));
      await local.stop(ref);
    },

    pollIntervalMs: (elapsedMs, remainingMs) => local.pollIntervalMs(elapsedMs, remainingMs),

    ...(local.listen && { listen: local.listen.bind(local) }),
  };
}

interface Making {
  name: string;
  job: JobRequest;
  files: StagingFolder;
  inputs: readonly StagedPlace[];
  signal: AbortSignal;
  tell: ((phase: string) => void) | undefined;
}

async function makeJob(local: Engine, storage: Transfers, making: Making): Promise<void> {
  const { name, job, files, inputs, signal, tell } = making;
  const isOver = () => exists(files.ended) || exists(files.stop);
  const paths = new Map<string, string>();
  for (const input of inputs) {
    if (isOver()) return;
    tell?.(`downloading ${input.uri}`);
    paths.set(input.place, await bringInput(storage, files, input, signal));
  }
  // Asked to stop while it was downloaded: it must not start any more.
  if (isOver()) return;
  await local.ensure(name, onThisMachine(files, job, paths), signal, tell);
  if (exists(files.stop)) await local.stop({ engine: local.name, name });
}

function onThisMachine(
  files: StagingFolder,
  job: JobRequest,
  inputs: ReadonlyMap<string, string>,
): JobRequest {
  const uriOf = (path: string) => pathToFileURL(path).href;
  return localRequest(
    job,
    (place) => uriOf(inputs.get(place) ?? ''),
    (place) => uriOf(join(files.outputs, place)),
  );
}

/** A job that was asked to stop hands nothing over, however far it had come; one that was never made is over. */
async function stoppedState(
  local: Engine,
  ref: JobRef,
  files: StagingFolder,
  state: JobState,
  asked: string,
): Promise<JobState> {
  switch (state.status) {
    case 'missing':
      return { status: 'stopped', startedAt: asked, endedAt: asked, logTail: [] };
    case 'running':
      // Who started it may have been about to when somebody else asked it to stop.
      if (state.phase !== 'stopping') await local.stop(ref);
      return state;
    case 'succeeded': {
      const { startedAt, endedAt, logTail } = state;
      return settle(files, { status: 'stopped', startedAt, endedAt, logTail });
    }
    case 'failed':
    case 'stopped':
      return settle(files, state);
  }
}

/** @returns how the job ended, if another worker has come to the end meanwhile; what it removed cannot be uploaded. */
async function upload(
  storage: Transfers,
  files: StagingFolder,
  { outputs }: StagingRecord,
  signal?: AbortSignal,
): Promise<EndedJobState | null> {
  try {
    for (const { place, uri } of outputs) await storage.put(join(files.outputs, place), uri, signal);
    return null;
  } catch (error) {
    const ended = await readEnded(files);
    if (ended === null) throw error;
    return ended;
  }
}
