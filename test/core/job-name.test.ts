import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobName } from '../../src/core/job-name.ts';
import { sageMakerName } from '../../src/core/jobs.ts';

const steps = ['preprocess', 'train', 'evaluate', 'createModel', 'transform'];
const pipelineName = fc
  .stringMatching(/^[a-zA-Z0-9](-{0,3}[a-zA-Z0-9]){0,30}$/)
  .filter((name) => name.length <= 63);

describe('jobName', () => {
  it('is a name that SageMaker takes, for every pipeline, step and run', () => {
    fc.assert(
      fc.property(pipelineName, fc.constantFrom(...steps), fc.uuid(), (pipeline, step, runId) => {
        const name = jobName(pipeline, step, runId);
        expect(sageMakerName.safeParse(name).success).toBe(true);
        expect(name.length).toBeLessThanOrEqual(63);
      }),
    );
  });

  it('is another for every step and every run of a pipeline', () => {
    fc.assert(
      fc.property(
        pipelineName,
        fc.uniqueArray(fc.uuid(), { minLength: 2, maxLength: 2 }),
        (pipeline, runIds) => {
          const names = runIds.flatMap((runId) => steps.map((step) => jobName(pipeline, step, runId)));
          expect(new Set(names).size).toBe(names.length);
        },
      ),
    );
  });

  it('is the same for the same step of the same run', () => {
    const runId = randomUUID();
    expect(jobName('abalone', 'train', runId)).toBe(jobName('abalone', 'train', runId));
  });

  it('starts with what a person looks for', () => {
    const runId = '0f8c3c1e-5f0a-4c0e-9d3a-7c1b2e4d6f80';
    expect(jobName('abalone', 'createModel', runId)).toBe(
      'abalone-createmodel-0f8c3c1e5f0a4c0e9d3a7c1b2e4d6f80',
    );
    expect(jobName('a'.repeat(63), 'train', runId)).toBe(
      `${'a'.repeat(16)}-train-0f8c3c1e5f0a4c0e9d3a7c1b2e4d6f80`,
    );
    expect(jobName('fifteen-letters--x', 'train', runId)).toMatch(/^fifteen-letters-train-/);
  });

  it('is another one for another job of the step, and still a name that SageMaker takes', () => {
    const runId = '0f8c3c1e-5f0a-4c0e-9d3a-7c1b2e4d6f80';
    expect(jobName('abalone', 'train', runId, 2)).toBe('abalone-train-0f8c3c1e5f0a4c0e9d3a7c1b2e4d6f80-2');
    expect(jobName('a'.repeat(63), 'preprocess', runId, 9).length).toBeLessThanOrEqual(63);
  });
});
