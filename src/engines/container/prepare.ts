import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest, ModelBody } from '../../core/jobs.ts';
import { findBatch, findInput } from '../local/inputs.ts';
import { exists, type JobFolder } from '../local/job-folder.ts';
import { jobInputs } from '../opt-ml.ts';
import type { ContainerClient } from './client.ts';
import { removeContainers } from './conclude.ts';
import { imageOf, labels, networkName, planGroup, type PlannedContainer } from './group.ts';
import type { Images, ReadyImage } from './images.ts';
import { mountable } from './mountable.ts';
import { populate, type PackModel } from './populate.ts';
import { createBody } from './requests.ts';

export interface PrepareOptions {
  client: ContainerClient;
  images: Images;
  address: Readonly<Record<string, unknown>>;
  jobsDir: string;
  name: string;
  job: JobRequest;
  requestHash: string;
  files: JobFolder;
  findModel: (name: string) => Promise<ModelBody>;
  packModel: PackModel;
  localPath: (uri: string) => string;
  tell: (phase: string) => void;
  signal: AbortSignal;
}

/** The image whose Python runs the driver of a batch transform beside any server. */
const driverImage = 'sluice/sklearn:1.2-1';

/**
 * Makes the containers of a job and puts into them what they read. Nothing runs yet; who comes after a kill goes on with it.
 * What no other attempt could do better leaves no container behind.
 */
export async function createContainers(options: PrepareOptions): Promise<void> {
  const populated = join(options.files.path, 'populated');
  if (exists(populated)) return;
  try {
    await createAll(options);
    await writeFile(populated, '');
  } catch (error) {
    if (isFinal(error) && !exists(options.files.started))
      await removeContainers(options.client, options.name);
    throw error;
  }
}

async function createAll(options: PrepareOptions): Promise<void> {
  const { client, name, job, files, tell } = options;
  tell('preparing');
  const model = job.kind === 'Transform' ? await options.findModel(job.body.ModelName) : null;
  const inputs = await Promise.all(jobInputs(job).map((input) => findInput(name, input, options.localPath)));
  const batch = job.kind === 'Transform' ? await findBatch(name, job, options.localPath) : null;
  const ready = await readyImages(options, model);
  const planned = planGroup({
    name,
    job,
    requestHash: options.requestHash,
    home: options.jobsDir,
    images: { job: ready.job.reference, driver: ready.driver.reference },
    inputs,
    model,
    batch,
  });
  tell('preparing');
  await writeFile(join(files.path, 'containers.json'), JSON.stringify(supervisorPlan(options, planned)));
  if (planned.some(({ spec }) => spec.network.kind === 'own')) {
    await client.createNetwork(networkName(name), { [labels.job]: name, [labels.home]: options.jobsDir });
  }
  for (const container of planned) {
    options.signal.throwIfAborted();
    await createOne(options, container, ready, model);
  }
}

/** Whether nobody will come and go on: what was made so far is of no use. Another request's containers are not ours to remove. */
function isFinal(error: unknown): boolean {
  return error instanceof SluiceError && !error.retryable && error.code !== 'SpecMismatch';
}

async function readyImages(
  { images, job, tell, signal }: PrepareOptions,
  model: ModelBody | null,
): Promise<{ job: ReadyImage; driver: ReadyImage }> {
  const wanted = imageOf(job, model) ?? '';
  const image = await images.ensure(wanted, job.local.pullPolicy ?? 'missing', tell, signal);
  if (job.kind !== 'Transform') return { job: image, driver: image };
  return { job: image, driver: await images.ensure(driverImage, 'missing', tell, signal) };
}

async function createOne(
  options: PrepareOptions,
  container: PlannedContainer,
  ready: { job: ReadyImage; driver: ReadyImage },
  model: ModelBody | null,
): Promise<void> {
  const { client } = options;
  const { spec } = container;
  const image = container.brings === 'driver' ? ready.driver : ready.job;
  // A share of the files cannot be mounted.
  const whole = container.inputs.filter(({ shard }) => shard.count === 1);
  const mounted = await mountable(options, whole, image);
  const mounts = mounted.map(({ source, target }) => ({ source, target }));
  const body = createBody({ ...spec, mounts });
  while (!(await client.create(spec.name, body)) && !(await isAdopted(options, spec.name))) {
    options.signal.throwIfAborted();
    await sleep(20);
  }
  // Another worker was quicker: nobody may write into what runs.
  if (exists(options.files.started)) return;
  await populate(client, container, {
    inputs: container.inputs.filter((input) => !mounted.includes(input)),
    modelUri: model?.PrimaryContainer.ModelDataUrl ?? null,
    packModel: options.packModel,
    signal: options.signal,
  });
}

/** False for one that isn't to be seen yet, or any more. @throws SluiceError `SpecMismatch` */
async function isAdopted({ client, requestHash }: PrepareOptions, name: string): Promise<boolean> {
  const found = await client.inspect(name);
  if (found === null) return false;
  const other = found.labels[labels.request];
  if (other === requestHash) return true;
  throw new SluiceError('SpecMismatch', `The container ${name} is there already, made from another request`, {
    details: { container: name, requestHash, otherRequestHash: other ?? null },
  });
}

/** What `supervise.py` reads. */
function supervisorPlan({ address, name, job }: PrepareOptions, planned: readonly PlannedContainer[]) {
  return {
    address,
    label: `${labels.job}=${name}`,
    maxRuntimeSeconds: job.local.maxRuntimeSeconds,
    stopGraceSeconds: job.local.stopGraceSeconds,
    containers: planned.map(({ spec, role, prefix }) => ({ name: spec.name, role, prefix })),
  };
}
