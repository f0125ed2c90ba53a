import { describe, expect, it } from 'vitest';
import { createSageMakerApi } from '../../../src/aws/sagemaker.ts';
import { SluiceError } from '../../../src/core/errors.ts';
import type { TrainingJob } from '../../../src/core/jobs.ts';
import { jobs, kinds, signal, standPerTest, watch } from './stand.ts';

const stand = standPerTest();
const ensure = (job: (typeof jobs)[keyof typeof jobs]) => stand.engine.ensure('job-1', job, signal());

describe('a job that fails', () => {
  it.each(kinds)(
    'says why, in the words of the failure file and the last lines of the log: %s',
    async (kind) => {
      stand.emulator.fault({
        fault: 'life',
        life: { end: 'Failed', failureReason: 'AlgorithmError: KeyError: rings, exit code: 1' },
      });
      stand.log = [
        { stream: 'algo-1-1', timestamp: 1, message: 'reading' },
        { stream: 'algo-1-1', timestamp: 2, message: "KeyError: 'rings'" },
      ];
      expect(await watch(stand, stand.engine, await ensure(jobs[kind]))).toMatchObject({
        status: 'failed',
        code: 'JobFailed',
        reason: 'AlgorithmError: KeyError: rings, exit code: 1',
        exitCode: 1,
        logTail: ['reading', "KeyError: 'rings'"],
      });
      expect(stand.logCalls).toBe(1);
    },
  );

  it('on several instances says whose lines they are', async () => {
    stand.emulator.fault({ fault: 'life', life: { end: 'Failed' } });
    stand.log = [
      { stream: 'algo-1-1', timestamp: 1, message: 'one' },
      { stream: 'algo-2-1', timestamp: 2, message: 'two' },
    ];
    expect(await watch(stand, stand.engine, await ensure(jobs.Training))).toMatchObject({
      logTail: ['algo-1-1: one', 'algo-2-1: two'],
    });
  });

  it('shows lines that are fit for a terminal, none too long', async () => {
    stand.emulator.fault({ fault: 'life', life: { end: 'Failed' } });
    const messages = ['10 %\r100 %', '\u001b[31mred\u001b[0m', '  ', 'x'.repeat(5_000)];
    stand.log = messages.map((message, timestamp) => ({ stream: 'algo-1-1', timestamp, message }));
    expect(await watch(stand, stand.engine, await ensure(jobs.Training))).toMatchObject({
      logTail: ['100 %', 'red', `${'x'.repeat(499)}…`],
    });
  });

  it('says why lines of its log are missing', async () => {
    stand.emulator.fault({ fault: 'life', life: { end: 'Failed', failureReason: 'AlgorithmError: no' } });
    stand.log = [{ stream: 'algo-1-1', timestamp: 1, message: 'last' }];
    stand.cutOff = new Error('it took too long');
    expect(await watch(stand, stand.engine, await ensure(jobs.Training))).toMatchObject({
      logTail: [expect.stringMatching(/before was not to be had: it took too long \(https:.*job-1/), 'last'],
    });
  });

  it('says why also when its log is not to be had, and where to look', async () => {
    stand.emulator.fault({ fault: 'life', life: { end: 'Failed', failureReason: 'AlgorithmError: no' } });
    stand.log = new SluiceError('AccessDenied', 'FilterLogEvents: not allowed');
    expect(await watch(stand, stand.engine, await ensure(jobs.Training))).toMatchObject({
      status: 'failed',
      reason: 'AlgorithmError: no',
      logTail: [expect.stringMatching(/not to be had: FilterLogEvents: not allowed \(https:.*job-1/)],
    });
  });

  it.each([
    ['capacity', 'CapacityUnavailable'],
    ['internal-failure', 'JobInternalError'],
  ] as const)('for %s has the code %s', async (fault, code) => {
    stand.emulator.fault({ fault });
    expect(await watch(stand, stand.engine, await ensure(jobs.Training))).toMatchObject({
      status: 'failed',
      code,
    });
  });
});

describe('a job that was stopped', () => {
  it.each(kinds)('by hand, in the console, is no success: %s', async (kind) => {
    const ref = await ensure(jobs[kind]);
    stand.emulator.advance(90);
    await createSageMakerApi('us-east-1').call(`Stop${kind}Job`, { [`${kind}JobName`]: 'job-1' });
    expect(await watch(stand, stand.engine, ref)).toMatchObject({ status: 'stopped' });
    expect(stand.logCalls).toBe(0);
  });

  it.each(kinds)('at the end of its maximum run time has timed out: %s', async (kind) => {
    stand.emulator.fault({ fault: 'life', life: { runningSeconds: 100_000 } });
    const ref = await ensure(jobs[kind]);
    expect(await watch(stand, stand.engine, ref)).toMatchObject({
      status: 'failed',
      code: 'JobTimedOut',
      reason: expect.stringContaining(`${jobs[kind].local.maxRuntimeSeconds} s`),
    });
  });

  it('for want of spot instances was interrupted', async () => {
    const train = jobs.Training as TrainingJob;
    const job: TrainingJob = {
      ...train,
      body: {
        ...train.body,
        EnableManagedSpotTraining: true,
        StoppingCondition: { MaxRuntimeInSeconds: 3600, MaxWaitTimeInSeconds: 7200 },
      },
    };
    stand.emulator.fault({
      fault: 'life',
      life: { runningSeconds: 1000, interruptions: [100], interruptedSeconds: 100_000 },
    });
    expect(await watch(stand, stand.engine, await ensure(job))).toMatchObject({
      status: 'failed',
      code: 'JobInterrupted',
    });
  });

  it('and ended by itself meanwhile is what it came to', async () => {
    stand.emulator.fault({ fault: 'life', life: { onStop: 'Completed' } });
    const ref = await ensure(jobs.Training);
    stand.emulator.advance(150);
    await stand.engine.stop(ref);
    expect((await watch(stand, stand.engine, ref)).status).toBe('succeeded');
  });
});

describe('what SageMaker shows on the way', () => {
  it.each([
    ['an older state', { fault: 'stale', transitions: 1, times: 30 }],
    ['states out of order', { fault: 'stale', transitions: 'any', probability: 0.7 }],
    ['states that nobody knows', { fault: 'unknown-state', status: 'Floating' }],
    ['nothing, for throttling', { fault: 'throttle', operation: 'Describe*', probability: 0.8 }],
    ['errors of its own', { fault: 'server-error', operation: 'Describe*', probability: 0.3 }],
    ['no answer', { fault: 'lost-response', operation: 'Describe*', probability: 0.3 }],
  ] as const)('is not the end of the job: %s', async (_what, fault) => {
    const ref = await ensure(jobs.Training);
    stand.emulator.fault(fault);
    expect(await watch(stand, stand.engine, ref)).toMatchObject({ status: 'succeeded' });
    const over = stand.emulator.transitions('job-1').at(-1)!;
    expect(over.status).toBe('Completed');
  });

  it('is an interruption of spot instances, after which the job goes on', async () => {
    stand.emulator.fault({ fault: 'life', life: { runningSeconds: 1000, interruptions: [100, 300] } });
    const ref = await ensure(jobs.Training);
    const phases = new Set<string>();
    for (;;) {
      const state = await stand.engine.describe(ref);
      if (state.status !== 'running') break;
      phases.add(state.phase);
      stand.emulator.advance(20);
    }
    expect(phases).toContain('interrupted, waiting for spot instances');
    expect((await stand.other().describe(ref)).status).toBe('succeeded');
  });
});

describe('a job that is over', () => {
  it('is noticed within one interval', async () => {
    stand.emulator.fault({ fault: 'life', life: { runningSeconds: 3_000 } });
    const ref = await ensure(jobs.Training);
    const begun = stand.emulator.emulator.clock.now();
    await watch(stand, stand.engine, ref);
    const noticed = stand.emulator.emulator.clock.now();
    const over = Date.parse(stand.emulator.transitions('job-1').at(-1)!.time);
    expect(noticed - over).toBeLessThanOrEqual(stand.engine.pollIntervalMs(over - begun) * 1.3);
  });
});
