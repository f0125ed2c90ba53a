import { z } from 'zod';
import { SluiceError } from './errors.ts';
import { executionMode, priority } from './fields.ts';
import { parseTime } from './format-time.ts';
import { parameterName } from './parameters.ts';
import { maxPipelineBytes } from './pipeline.ts';
import { sessionSettings } from './session.ts';
import { parseWith, refuseHostileShape } from './problems.ts';

const what = 'The workflow input';

/** The one argument of the workflow. The pipeline and the types of its parameters are looked at when it is opened. */
export const runInput = z.strictObject({
  pipeline: z
    .union(
      [z.string().min(1).max(1024), z.record(z.string(), z.unknown()).meta({ $ref: 'pipeline.schema.json' })],
      {
        error:
          'must be the pipeline itself (an object), or where to read it (a path below the root of the worker, or an s3:// URI)',
      },
    )
    .describe(
      'The pipeline itself, or where to read it: a path below the root of the worker, or an s3:// URI.',
    ),
  executionMode: executionMode.optional(),
  priority,
  session: sessionSettings.optional().describe('Overrides keys of the session of the pipeline.'),
  parameters: z
    .record(
      parameterName,
      z.union([z.string(), z.number(), z.boolean()], {
        error: 'takes text, a finite number, true or false',
      }),
    )
    .optional()
    .describe('Values of the parameters that the pipeline declares.'),
  onRejected: z
    .enum(['fail', 'complete'])
    .optional()
    .describe('Overrides onRejected of the condition: a schedule that pauses on failure takes "complete".'),
  scheduledTime: z
    .string()
    .refine((text) => parseTime(text) !== null, { message: 'must be a time as in "2026-11-28T03:00:00Z"' })
    .optional()
    .describe('Execution.ScheduledTime. Default: what the schedule says, else the start of the run.'),
});

/** The workflow's first line: the Temporal CLI starts it with whatever was typed. @throws SluiceError `InvalidInput`. */
export function parseRunInput(input: unknown): z.infer<typeof runInput> {
  refuseHostileShape(what, input);
  const data = parseWith(what, runInput, input);
  if (typeof data.pipeline !== 'string' && JSON.stringify(data.pipeline).length > maxPipelineBytes) {
    throw new SluiceError(
      'InvalidInput',
      `${what}: the pipeline is larger than ${maxPipelineBytes} characters of JSON`,
    );
  }
  return data;
}
