import { realpath } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import type { Config } from '../../config.ts';
import { createFileStorage } from '../../storage/file-storage.ts';
import { usageError } from '../errors.ts';
import { createLocalInputs, uploader } from '../local-inputs.ts';
import { say } from '../output.ts';
import { readPipeline } from '../pipeline-file.ts';
import type { PipelineOptions } from './commands.ts';

/** What later runs are started with: the file as it is now, or where the worker reads it. */
export async function laterRun(config: Config, file: string, options: PipelineOptions) {
  const { mode, param, priority } = options;
  const inputs = createLocalInputs(
    config,
    uploader(createFileStorage(config.storageFolder, [config.root]), say),
  );
  const given = await readPipeline(file, { mode, param, priority }, inputs);
  const pipeline = options.byPath ? await pathBelowRoot(config, file) : given.file;
  const { name, executionMode } = given.pipeline;
  return { name, executionMode, input: { pipeline, ...given.overrides } };
}

async function pathBelowRoot({ root }: Config, file: string): Promise<string> {
  const path = relative(await realpath(root), await realpath(file))
    .split(sep)
    .join('/');
  if (path.startsWith('..'))
    throw usageError(`--by-path: ${file} is not below ${root}, where the worker would read it`);
  return path;
}
