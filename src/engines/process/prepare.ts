import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest, ModelBody, TransformJob } from '../../core/jobs.ts';
import { configFiles, jobFolders, jobInputs, withoutFinalSlash } from '../opt-ml.ts';
import { filesOf, hasErrorCode, type JobFolder } from '../local/job-folder.ts';
import { checkFramework } from './requirements.ts';
import { planText, transformConfig, type FoundInput, type JobSetting } from './plan.ts';

export interface PrepareOptions {
  name: string;
  job: JobRequest;
  requestHash: string;
  files: JobFolder;
  setting: Omit<JobSetting, 'name' | 'job' | 'folder' | 'inputs' | 'model'>;
  findModel(name: string): Promise<ModelBody>;
  extractModel(uri: string, intoFolder: string): Promise<void>;
}

/** Makes the whole folder aside and renames it, so that nobody finds half of one. @returns false if there was one already. */
export async function prepareJob(options: PrepareOptions): Promise<boolean> {
  const { name, job, files, setting: common } = options;
  const model = job.kind === 'Transform' ? await options.findModel(job.body.ModelName) : null;
  if (model !== null) checkFramework(model.PrimaryContainer.Image, common.frameworksDir);
  const inputs = await Promise.all(jobInputs(job).map((input) => findInput(name, input, common.localPath)));
  if (model !== null) inputs.push({ source: join(files.path, 'model'), target: 'model', isFolder: true });
  const setting: JobSetting = { ...common, name, job, folder: files.path, inputs, model };

  const aside = filesOf(join(dirname(files.path), `.new-${name}-${randomUUID()}`));
  try {
    await makeFolders(aside, job, inputs);
    await Promise.all([
      writeFile(aside.plan, planText(setting)),
      writeFile(aside.request, JSON.stringify({ requestHash: options.requestHash, request: job }, null, 2)),
      ...Object.entries(configFiles(name, job)).map(([path, text]) => writeFile(join(aside.ml, path), text)),
      ...inputs.map((input) => placeInput(aside, setting, input)),
    ]);
    if (job.kind === 'Transform' && model !== null) {
      await options.extractModel(model.PrimaryContainer.ModelDataUrl, join(aside.path, 'model'));
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

/** A folder is seen at its place itself; a file in it under its own name, as below an S3 prefix. */
async function findInput(
  job: string,
  input: { name: string; uri: string; folder: string },
  localPath: (uri: string) => string,
): Promise<FoundInput> {
  const source = withoutFinalSlash(localPath(input.uri));
  const info = await statInput(`${job}: input ${input.name}`, source);
  if (info.isDirectory()) return { source, target: input.folder, isFolder: true };
  return { source, target: join(input.folder, basename(source)), isFolder: false };
}

async function statInput(what: string, path: string) {
  try {
    const info = await stat(path);
    if (info.isDirectory() || info.isFile()) return info;
    throw new SluiceError('InvalidInput', `${what}: ${path} is neither a file nor a folder`, {
      details: { path },
    });
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const denied = hasErrorCode(error, 'EACCES', 'EPERM');
    throw new SluiceError(
      denied ? 'AccessDenied' : 'InvalidInput',
      `${what}: ${path} ${denied ? 'may not be read' : 'does not exist'}`,
      {
        details: { path },
        cause: error,
      },
    );
  }
}

/** In namespaces the supervisor mounts the input here; without, a link must do. */
async function placeInput(files: JobFolder, { isolation }: JobSetting, input: FoundInput): Promise<void> {
  const place = join(files.ml, input.target);
  if (isolation === 'none') {
    await rm(place, { recursive: true, force: true });
    await symlink(input.source, place);
  } else if (input.isFolder) await mkdir(place, { recursive: true });
  else await writeFile(place, '');
}

async function writeTransformConfig(files: JobFolder, setting: JobSetting, job: TransformJob): Promise<void> {
  const path = withoutFinalSlash(setting.localPath(job.body.TransformInput.DataSource.S3DataSource.S3Uri));
  const info = await statInput(`${setting.name}: TransformInput`, path);
  const inputs = info.isDirectory() ? await filesBelow(path) : [{ path, name: basename(path) }];
  if (inputs.length === 0) {
    throw new SluiceError('InvalidInput', `${setting.name}: TransformInput: ${path} is an empty folder`, {
      details: { path },
    });
  }
  await writeFile(
    join(files.path, 'transform', 'config.json'),
    JSON.stringify(transformConfig(setting, job, inputs), null, 2),
  );
}

/** Every file below the folder, hidden ones too, as below an S3 prefix; links to files count as files. */
async function filesBelow(folder: string, prefix = ''): Promise<{ path: string; name: string }[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const lists = await Promise.all(
    entries
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(async (entry) => {
        const path = join(folder, entry.name);
        const name = prefix + entry.name;
        if (entry.isDirectory()) return filesBelow(path, `${name}/`);
        const info = entry.isSymbolicLink() ? await stat(path).catch(() => null) : await lstat(path);
        return info?.isFile() ? [{ path, name }] : [];
      }),
  );
  return lists.flat();
}

async function renameUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}
