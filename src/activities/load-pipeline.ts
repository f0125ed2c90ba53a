import { Context } from '@temporalio/activity';
import { readFile, stat } from 'node:fs/promises';
import { SluiceError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import type { Json } from '../core/expressions.ts';
import { maxPipelineBytes } from '../core/pipeline.ts';
import type { Dependencies } from './dependencies.ts';

/** Reads a pipeline file below the root or on S3, so that what ran is in the history. */
export async function loadPipeline(deps: Dependencies, { location }: { location: string }): Promise<Json> {
  const path = location.startsWith('s3://')
    ? await deps.fetchToLocal(location, null, Context.current().cancellationSignal)
    : (await deps.findInput('pipeline', location)).path;
  const found = await stat(path);
  if (found.isDirectory())
    throw new SluiceError(
      'InvalidInput',
      `pipeline: ${JSON.stringify(location)} is a folder, not a pipeline file`,
    );
  const { size } = found;
  if (size > maxPipelineBytes) {
    throw new SluiceError(
      'InvalidInput',
      `pipeline: ${JSON.stringify(location)} has ${size} bytes; at most ${maxPipelineBytes} are read`,
    );
  }
  const parsed = parseJson(await readFile(path, 'utf8'));
  if (parsed.kind === 'json') return parsed.value;
  throw new SluiceError(
    'InvalidInput',
    `pipeline: ${JSON.stringify(location)} cannot be read: ${parsed.reason}`,
  );
}
