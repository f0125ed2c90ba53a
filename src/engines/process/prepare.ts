import { randomUUID } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { imageOf, type JobRequest, type ModelBody, type TransformJob } from '../../core/jobs.ts';
import { configFiles, jobFolders, jobInputs } from '../opt-ml.ts';
import { findBatch, findInput, type FoundInput } from '../local/inputs.ts';
import { filesOf, renameUnlessThere, type JobFolder } from '../local/job-folder.ts';
import { checkNetwork, findPython, type Frameworks } from './requirements.ts';
import { copyInput } from './copy-input.ts';
import type { Isolation } from './isolation.ts';
import { isWithin, planText, transformConfig, type JobSetting } from './plan.ts';

export interface PrepareOptions {
  name: string;
  job: JobRequest;
  requestHash: string;
  files: JobFolder;
  setting: Omit<JobSetting, 'name' | 'job' | 'folder' | 'python' | 'inputs' | 'copied' | 'model'>;
  frameworks: Frameworks;
  findModel(name: string): Promise<ModelBody>;
  extractModel(uri: string, intoFolder: string, signal: AbortSignal): Promise<void>;
  signal: AbortSignal;
}

/** Makes the whole folder aside and renames it, so that nobody finds half of one. @returns false if there was one already. */
export async function prepareJob(options: PrepareOptions): Promise<boolean> {
  const { name, job, files, setting: common } = options;
  const model = job.kind === 'Transform' ? await options.findModel(job.body.ModelName) : null;
  if (model !== null) checkNetwork(model.EnableNetworkIsolation === true);
  const python = findPython(imageOf(job, model) ?? '', options.frameworks);
  const inputs = await Promise.all(jobInputs(job).map((input) => findInput(name, input, common.localPath)));
  if (model !== null)
    inputs.push({ source: join(files.path, 'model'), target: 'model', isFolder: true, isSharded: false });

  const aside = filesOf(join(dirname(files.path), `.new-${name}-${randomUUID()}`));
  try {
    await makeFolders(aside, job, inputs);
    const copied = await placeInputs(aside, files, common.isolation, inputs);
    const setting: JobSetting = { ...common, name, job, folder: files.path, python, inputs, copied, model };
    await Promise.all([
      writeFile(aside.plan, planText(setting)),
      writeFile(
        aside.request,
        JSON.stringify({ engine: 'process', requestHash: options.requestHash, request: job }, null, 2),
      ),
      ...Object.entries(configFiles(name, job)).map(([path, text]) => writeFile(join(aside.ml, path), text)),
    ]);
    if (job.kind === 'Transform' && model !== null) {
      const { ModelDataUrl } = model.PrimaryContainer;
      await options.extractModel(ModelDataUrl, join(aside.path, 'model'), options.signal);
      await writeTransformConfig(aside, setting, job);
    }
    return await renameUnlessThere(aside.path, files.path);
  } finally {
    await rm(aside.path, { recursive: true, force: true });
  }
}

async function makeFolders(files: JobFolder, job: JobRequest, inputs: readonly FoundInput[]): Promise<void> {
  const below = [...jobFolders(job), ...inputs.map(({ target }) => dirname(target))];
  // Requests carry the variables of the job, and those may be secrets.
  await mkdir(files.path, { mode: 0o700 });
  await mkdir(files.ml);
  await Promise.all([
    ...below.map((folder) => mkdir(join(files.ml, folder), { recursive: true })),
    ...['tmp', 'home', ...(job.kind === 'Transform' ? ['model', 'transform/output'] : [])].map((folder) =>
      mkdir(join(files.path, folder), { recursive: true }),
    ),
  ]);
}

/**
 * In namespaces the supervisor mounts the inputs here. Without, the job gets copies, which it cannot write through; of what is
 * large, links, which the supervisor guards. @returns those that were copied.
 */
async function placeInputs(
  aside: JobFolder,
  files: JobFolder,
  isolation: Isolation,
  inputs: readonly FoundInput[],
): Promise<FoundInput[]> {
  const copied: FoundInput[] = [];
  for (const input of inputs) {
    const place = join(aside.ml, input.target);
    if (isolation === 'none') {
      await rm(place, { recursive: true, force: true });
      if (!isWithin(files.path, input) && (await copyInput(input.source, place))) copied.push(input);
      else await symlink(input.source, place);
    } else if (input.isFolder) await mkdir(place, { recursive: true });
    else await writeFile(place, '');
  }
  return copied;
}

async function writeTransformConfig(files: JobFolder, setting: JobSetting, job: TransformJob): Promise<void> {
  const { files: inputs } = await findBatch(setting.name, job, (uri) => setting.localPath(uri));
  await writeFile(
    join(files.path, 'transform', 'config.json'),
    JSON.stringify(transformConfig(setting, job, inputs), null, 2),
  );
}
