import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { runJob } from '../../src/activities/run-job.ts';
import type { ProcessingJob } from '../../src/core/jobs.ts';
import { createFakeEngine } from '../support/fake-engine.ts';

afterEach(() => void vi.useRealTimers());

const request: ProcessingJob = {
  kind: 'Processing',
  body: {
    AppSpecification: { ImageUri: 'image', ContainerEntrypoint: ['true'] },
    ProcessingInputs: [],
    ProcessingOutputConfig: { Outputs: [] },
    ProcessingResources: {
      ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.xlarge', VolumeSizeInGB: 30 },
    },
    StoppingCondition: { MaxRuntimeInSeconds: 60 },
    Environment: {},
  },
  local: { stopGraceSeconds: 1, maxRuntimeSeconds: 60 },
  tags: {},
};

it.each([
  ['forward', 86_400_000],
  ['back', -86_400_000],
])(
  'a job is asked after at the same intervals when the clock of the machine is set %s',
  async (_, jumpMs) => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    const engine = createFakeEngine();
    const elapsed: number[] = [];
    const startedAt = new Date().toISOString();
    const running = { status: 'running', phase: 'running', startedAt } as const;
    const over = {
      status: 'succeeded',
      startedAt,
      endedAt: startedAt,
      exitMessage: null,
      records: null,
      logTail: [] as string[],
    } as const;
    const watched = {
      ...engine,
      // The ending of the engine's own jobs goes by the clock.
      describe: () => Promise.resolve(elapsed.length < 3 ? running : over),
      pollIntervalMs: (ms: number) => {
        elapsed.push(ms);
        vi.setSystemTime(Date.now() + jumpMs);
        return 1;
      },
    };
    await new MockActivityEnvironment().run(() => runJob(watched, { name: 'job', request }, () => undefined));
    expect(elapsed).toHaveLength(3);
    for (const ms of elapsed) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(60_000);
    }
  },
);
