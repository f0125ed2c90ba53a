import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ModelBody } from '../../core/jobs.ts';
import type { LocalEngine } from '../engine.ts';
import { listJobs, removeJob, adopt, exists, jobFolder, type JobFolder } from '../local/job-folder.ts';
import { isSupervised, requestStop } from '../local/liveness.ts';
import { listenToFolder } from '../local/news.ts';
import { pollIntervalMs } from '../local/polling.ts';
import { requestHash as hashOf } from '../local/request-hash.ts';
import { createStarter } from '../local/supervisor.ts';
import type { RegistryCredentials } from './registry-auth.ts';
import type { EngineConnection } from './connect.ts';
import { createConclusions } from './conclusions.ts';
import { listOrphans } from './orphans.ts';
import { createDescriber } from './describe.ts';
import { readHome } from './home.ts';
import { createImages, type Images } from './images.ts';
import type { PackModel } from './populate.ts';
import { createContainers, type PrepareOptions } from './prepare.ts';
import { removeContainers } from './removal.ts';
import { checkRequest } from './requirements.ts';
import { createSharedWork } from './shared-work.ts';

export interface ContainerEngineOptions {
  /** Every job gets a folder in it, by its name. */
  jobsDir: string;
  /** A Python ≥ 3.9 for the supervisor. */
  supervisorPython: string;
  /** One folder a framework, with its Dockerfile. */
  frameworksDir: string;
  /** `BASE_IMAGE` of framework images; null for the Dockerfile's own. */
  baseImage: string | null;
  connect: () => Promise<EngineConnection>;
  credentials: (image: string) => Promise<RegistryCredentials | null>;
  findModel: (name: string) => Promise<ModelBody>;
  packModel: PackModel;
  localPath: (uri: string) => string;
}

const supervisorScript = fileURLToPath(new URL('supervisor/main.py', import.meta.url));

/** What the engine keeps of an engine that it reached. */
interface Reached extends EngineConnection {
  images: Images;
}

/** Runs jobs as containers. The container is the job: its name decides that there is one, its supervisor only starts and ends it. */
export function createContainerEngine(options: ContainerEngineOptions): LocalEngine {
  const jobsDir = resolve(options.jobsDir);
  const files = (name: string) => jobFolder(jobsDir, name);
  const startSupervisor = createStarter({
    python: options.supervisorPython,
    script: supervisorScript,
    jobsDir,
  });
  const reach = createReach(options);
  const conclusions = createConclusions(async () => (await reach()).client, options.localPath);

  const start = createStart({ ...options, jobsDir }, reach, startSupervisor);
  const describe = createDescriber({
    startSupervisor,
    conclusions,
    client: async () => (await reach()).client,
  });

  return {
    name: 'container',

    check(job, model) {
      checkRequest(job, model ?? null, options.frameworksDir);
    },

    async ensure(name, job, signal, tell = () => undefined) {
      signal.throwIfAborted();
      const folder = files(name);
      const requestHash = hashOf(job);
      checkRequest(job, null, options.frameworksDir);
      await mkdir(jobsDir, { recursive: true });
      const adopted = await adopt('container', folder, { requestHash, request: job });
      if (!exists(folder.exit) && !(await isSupervised(folder))) {
        await start({ name, job, requestHash, files: folder, tell, signal });
      }
      return { engine: 'container', name, adopted };
    },

    describe: ({ name }) => describe(name, files(name)),

    async stop({ name }) {
      const folder = files(name);
      if (!exists(folder.path) || exists(folder.exit)) return;
      await requestStop(folder);
      conclusions.giveUp(name);
    },

    list: async () => {
      const jobs = await listJobs(jobsDir, 'container');
      return [...jobs, ...(await listOrphans(reach, jobsDir, new Set(jobs.map(({ name }) => name))))];
    },

    async remove(name) {
      const folder = files(name);
      if ((await describe(name, folder)).status === 'running') return false;
      // Of a job with an end they were removed before; its engine may be gone by now.
      if (!exists(folder.exit)) await removeContainers((await reach()).client, name, jobsDir);
      return removeJob(jobsDir, name);
    },

    pollIntervalMs,

    listen: ({ name }) => listenToFolder(files(name).path),
  };
}

function createReach(options: ContainerEngineOptions): () => Promise<Reached> {
  let images: Images | null = null;
  return async () => {
    const connection = await options.connect();
    images ??= createImages({ ...options, client: connection.client });
    return { ...connection, images };
  };
}

type Started = Pick<PrepareOptions, 'name' | 'job' | 'requestHash' | 'files' | 'tell' | 'signal'>;

const startPauseMs = 20;

function createStart(
  options: ContainerEngineOptions,
  reach: () => Promise<Reached>,
  startSupervisor: (files: JobFolder) => Promise<void>,
): (work: Started) => Promise<void> {
  // Once at a time, whoever of those that wait for it is cancelled.
  const shared = createSharedWork('is aborted');

  return async (work) => {
    const { name, files, tell, signal } = work;
    const prepare = async (tellAll: (phase: string) => void, noneWaits: AbortSignal) => {
      const [reached, home] = await Promise.all([reach(), readHome(options.jobsDir)]);
      await createContainers({ ...options, ...reached, ...work, home, tell: tellAll, signal: noneWaits });
    };
    if (!exists(files.started)) await shared.join(name, prepare, tell, signal);
    for (;;) {
      signal.throwIfAborted();
      await startSupervisor(files);
      // Another one that took the job may have been killed before it began.
      if (exists(files.started) || exists(join(files.path, 'outcome.json'))) return;
      await sleep(startPauseMs);
    }
  };
}
