import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelBody } from '../../core/jobs.ts';
import type { LocalEngine } from '../engine.ts';
import { listJobs, removeJob, adopt, exists, jobFolder, type JobFolder } from '../local/job-folder.ts';
import { isSupervised, requestStop } from '../local/liveness.ts';
import { requestHash as hashOf } from '../local/request-hash.ts';
import { createStarter } from '../local/supervisor.ts';
import type { RegistryCredentials } from './registry-auth.ts';
import type { EngineConnection } from './connect.ts';
import { removeContainers } from './conclude.ts';
import { createConclusions } from './conclusions.ts';
import { listOrphans } from './orphans.ts';
import { createDescriber } from './describe.ts';
import { createImages, type Images } from './images.ts';
import type { PackModel } from './populate.ts';
import { createContainers, type PrepareOptions } from './prepare.ts';
import { checkRequest } from './requirements.ts';

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
      await adopt('container', folder, { requestHash, request: job });
      if (!exists(folder.exit) && !(await isSupervised(folder))) {
        await start({ name, job, requestHash, files: folder, tell, signal });
      }
      return { engine: 'container', name };
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
      if ((await describe(name, files(name))).status === 'running') return false;
      await removeContainers((await reach()).client, name);
      return removeJob(jobsDir, name);
    },

    pollIntervalMs: (elapsedMs) => Math.min(250, Math.max(5, Math.round(elapsedMs / 40))),
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

function createStart(
  options: ContainerEngineOptions,
  reach: () => Promise<Reached>,
  startSupervisor: (files: JobFolder) => Promise<void>,
): (work: Started) => Promise<void> {
  const underWay = new Map<string, Promise<void>>();

  /** Once at a time: two that put things into one container would be in each other's way. */
  const prepare = (work: Started): Promise<void> => {
    const known = underWay.get(work.name);
    if (known) return known;
    const preparing = reach()
      .then((reached) => createContainers({ ...options, ...reached, ...work }))
      .finally(() => underWay.delete(work.name));
    underWay.set(work.name, preparing);
    return preparing;
  };

  return async (work) => {
    if (!exists(work.files.started)) await prepare(work);
    work.signal.throwIfAborted();
    await startSupervisor(work.files);
  };
}
