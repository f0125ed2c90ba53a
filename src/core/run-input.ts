import { z } from 'zod';
import { SluiceError } from './errors.ts';
import { maxPipelineBytes } from './pipeline.ts';
import { parseWith, refuseHostileShape } from './problems.ts';

const runInput = z.strictObject({
  pipeline: z.union([z.string().min(1).max(1024), z.record(z.string(), z.unknown())], {
    error:
      'must be the pipeline itself (an object), or where to read it (a path below the root of the worker)',
  }),
  executionMode: z.unknown().optional(),
  parameters: z.unknown().optional(),
});

/** The workflow's first line: the Temporal CLI starts it with whatever was typed. */
export function parseRunInput(input: unknown): z.infer<typeof runInput> {
  refuseHostileShape('The workflow input', input);
  const data = parseWith('The workflow input', runInput, input);
  if (typeof data.pipeline !== 'string' && JSON.stringify(data.pipeline).length > maxPipelineBytes) {
    throw new SluiceError(
      'InvalidInput',
      `The pipeline is larger than ${maxPipelineBytes} characters of JSON`,
    );
  }
  return data;
}
