import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest, JobState } from '../../core/jobs.ts';
import { endedState, lostState, parseExit } from '../local/exit-record.ts';
import {
  damagedReason,
  exists,
  readRequest,
  readStartedAt,
  readUnlessMissing,
  type JobFolder,
} from '../local/job-folder.ts';
import { isSupervised } from '../local/liveness.ts';
import { readLogTail } from '../local/log-tail.ts';
import type { ContainerClient } from './client.ts';
import type { Conclusions } from './conclusions.ts';
import { removeContainers } from './removal.ts';

export interface DescriberOptions {
  startSupervisor: (files: JobFolder) => Promise<void>;
  conclusions: Conclusions;
  client: () => Promise<ContainerClient>;
}

/**
 * The state of a job by the files of its folder: while it runs its supervisor sees to it, the engine isn't asked. What was left
 * undone by somebody who was killed is done on the way: another supervisor, the outputs, the removal of the containers.
 */
export function createDescriber({ startSupervisor, conclusions, client }: DescriberOptions) {
  const describeUnsupervised = async (name: string, files: JobFolder, job: JobRequest): Promise<JobState> => {
    if (isOver(files)) {
      // Another worker may have been asked.
      if (exists(files.stop)) conclusions.giveUp(name);
      await conclusions.conclude(name, job, files);
      return (await readEnded(files, job)) ?? running('storing outputs', await readStartedAt(files));
    }
    if (exists(files.started)) {
      await startSupervisor(files);
      return describeLive(files);
    }
    // To start it is for `ensure`.
    return exists(files.stop) ? stopUnstarted(client, name, files) : { status: 'missing' };
  };

  return async (name: string, files: JobFolder): Promise<JobState> => {
    const record = await readRequest(files);
    if (record === null) return { status: 'missing' };
    if (record === 'damaged') return lost(files, damagedReason);
    const ended = await readEnded(files, record.request);
    if (ended !== null) return ended;
    // The outcome is the last that a supervisor writes; nobody waits for its process to end.
    if (!isOver(files) && (await isSupervised(files))) return describeLive(files);
    return describeUnsupervised(name, files, record.request);
  };
}

const isOver = (files: JobFolder) => exists(join(files.path, 'outcome.json'));

async function readEnded(folder: JobFolder, request: JobRequest): Promise<JobState | null> {
  const text = await readUnlessMissing(folder.exit);
  if (text === null) return null;
  const exit = parseExit(text);
  const tail = await readLogTail(folder.log);
  if (exit !== null) return endedState(exit, request, tail);
  return lost(folder);
}

async function lost(folder: JobFolder, reason?: string): Promise<JobState> {
  const endedAt = new Date().toISOString();
  const startedAt = (await readStartedAt(folder)) ?? endedAt;
  return lostState({ startedAt, endedAt }, await readLogTail(folder.log), reason);
}

async function describeLive(folder: JobFolder): Promise<JobState> {
  const startedAt = await readStartedAt(folder);
  if (startedAt === null) return running('starting', null);
  if (exists(join(folder.path, 'engine-away'))) return running(engineAway, startedAt);
  const ending = exists(folder.stop) || exists(join(folder.path, 'timed-out'));
  return running(ending ? 'stopping' : 'running', startedAt);
}

const running = (phase: string, startedAt: string | null): JobState => ({
  status: 'running',
  phase,
  startedAt,
});

/** The phase of a job of which its supervisor hears nothing. */
export const engineAway = 'its engine does not answer';

const removalMs = 5000;

/** Stopped before it was started: nothing ran, and nothing will. What its engine does not let go of now is for `sluice clean`. */
async function stopUnstarted(
  client: () => Promise<ContainerClient>,
  name: string,
  folder: JobFolder,
): Promise<JobState> {
  const removed = client().then((reached) => removeContainers(reached, name, dirname(folder.path)));
  await Promise.race([removed, sleep(removalMs, null, { ref: false })]).catch(ignoreUnlessOurFault);
  const now = new Date().toISOString();
  return { status: 'stopped', startedAt: now, endedAt: now, logTail: await readLogTail(folder.log) };
}

/** Engines and networks have troubles of their own. */
function ignoreUnlessOurFault(error: unknown): void {
  if (!(error instanceof SluiceError)) throw error;
}
