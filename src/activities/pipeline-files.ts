import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import type { Pipeline } from '../core/pipeline.ts';
import type { Dependencies } from './dependencies.ts';

/** The real paths of what a pipeline file names. */
export interface PipelineFiles {
  code: string;
  input: string;
  /** Null without a batch transform. */
  batch: string | null;
}

/** Finds everything that the pipeline names. @throws SluiceError `InvalidInput` or `Unsupported` for the first that is missing. */
export async function findPipelineFiles(
  { findInput }: Pick<Dependencies, 'findInput'>,
  pipeline: Pipeline,
): Promise<PipelineFiles> {
  const { preprocess, transform } = pipeline.steps;
  const code = await findInput('code', pipeline.code);
  if (!code.isFolder) {
    throw new SluiceError(
      'InvalidInput',
      `code: ${JSON.stringify(pipeline.code)} is a file; it must be the folder of the scripts`,
    );
  }
  await checkScripts(pipeline, code.path);
  const input = await findInput('steps.preprocess.input', preprocess.input);
  const batch = transform ? await findInput('steps.transform.input', transform.input) : null;
  return { code: code.path, input: input.path, batch: batch?.path ?? null };
}

async function checkScripts(pipeline: Pipeline, folder: string): Promise<void> {
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
