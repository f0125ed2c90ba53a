import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SluiceError } from '../core/errors.ts';
import type { Pipeline } from '../core/pipeline.ts';
import type { ResolvedSession } from '../core/session.ts';
import { quote } from '../core/wording.ts';
import type { Content, S3Storage } from '../storage/storage.ts';
import type { Dependencies } from './dependencies.ts';

/** Where jobs find data: by its URI, where the run keeps its own. */
export interface PlacedInput {
  uri: string;
  /** Of data that was uploaded; else it is hashed beside the jobs, if somebody wants to know. */
  content: Content | null;
}

const isOnS3 = (location: string) => location.startsWith('s3://');

/**
 * The code folder, on this machine, with every script that the pipeline names.
 * @throws SluiceError `InvalidInput` or `Unsupported` for the first thing that is missing.
 */
export async function findCode(
  deps: Dependencies,
  pipeline: Pipeline,
  session: ResolvedSession | null,
  signal: AbortSignal,
): Promise<string> {
  const path = isOnS3(pipeline.code)
    ? await deps.fetchToLocal(pipeline.code, session, signal)
    : (await deps.findInput('code', pipeline.code)).path;
  await checkCode(pipeline, path);
  return path;
}

/** What can be said without AWS: whatever the pipeline names on this machine is there. */
export async function checkLocalFiles(
  findInput: Dependencies['findInput'],
  pipeline: Pipeline,
): Promise<void> {
  const { preprocess, transform } = pipeline.steps;
  if (!isOnS3(pipeline.code)) await checkCode(pipeline, (await findInput('code', pipeline.code)).path);
  if (!isOnS3(preprocess.input)) await findInput('steps.preprocess.input', preprocess.input);
  if (transform && !isOnS3(transform.input)) await findInput('steps.transform.input', transform.input);
}

/**
 * Finds the data behind a location of the pipeline file, and takes it to where the run keeps its own.
 * @throws SluiceError `InvalidInput` if there is nothing, or if SageMaker would take more than that.
 */
export async function placeInput(
  deps: Dependencies,
  what: string,
  location: string,
  session: ResolvedSession | null,
  signal: AbortSignal,
): Promise<PlacedInput> {
  if (session === null) {
    const path = isOnS3(location)
      ? await deps.fetchToLocal(location, session, signal)
      : (await deps.findInput(what, location)).path;
    return { uri: pathToFileURL(path).href, content: null };
  }
  const { storage } = deps.cloud(session);
  if (isOnS3(location)) return { uri: await asPrefix(storage, what, location, signal), content: null };
  const { path } = await deps.findInput(what, location);
  const { uri, ...content } = await storage.upload(path, signal);
  return { uri: await asPrefix(storage, what, uri, signal), content };
}

async function asPrefix(storage: S3Storage, what: string, uri: string, signal: AbortSignal): Promise<string> {
  const found = await storage.asPrefix(uri, signal);
  const refuse = (reason: string) => new SluiceError('InvalidInput', `${what}: ${reason}`);
  if (found === null) throw refuse(`there is nothing at ${quote(uri, 1024)}`);
  if (found.alsoTaken === null) return found.uri;
  throw refuse(
    `SageMaker would take not only ${quote(uri, 1024)}, but also ${quote(found.alsoTaken, 1024)}, whose key begins alike: put the data into a folder of its own`,
  );
}

async function checkCode(pipeline: Pipeline, folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) {
    throw new SluiceError(
      'InvalidInput',
      `code: ${quote(pipeline.code)} is a file; it must be the folder of the scripts`,
    );
  }
  for (const step of ['preprocess', 'train', 'evaluate', 'createModel'] as const) {
    const { script } = pipeline.steps[step];
    if (script === undefined) continue;
    const found = await stat(join(folder, script)).catch(() => undefined);
    if (!found?.isFile()) {
      throw new SluiceError(
        'InvalidInput',
        `steps.${step}.script: there is no file ${JSON.stringify(script)} in the code folder ${folder}`,
      );
    }
  }
}
