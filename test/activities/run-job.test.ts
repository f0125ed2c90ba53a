import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { runJob } from '../../src/activities/run-job.ts';
import type { ProcessingJob } from '../../src/core/jobs.ts';
import { createFakeEngine, endless } from '../support/fake-engine.ts';
import { until } from '../support/until.ts';

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

/** An engine whose job is over when somebody tells the news, and of which nobody hears otherwise for an hour. */
function engineWithNews() {
  const engine = createFakeEngine();
  let tell: () => void = () => undefined;
  let isOver = false;
  const seen = { looks: 0, closed: 0 };
  return {
    seen,
    end: () => {
      isOver = true;
      tell();
    },
    tell: () => tell(),
    engine: {
      ...engine,
      describe: () => {
        seen.looks += 1;
        const startedAt = new Date().toISOString();
        const ended = { status: 'succeeded', startedAt, endedAt: startedAt, exitMessage: null } as const;
        return Promise.resolve(
          isOver
            ? { ...ended, records: null, logTail: [] }
            : ({ status: 'running', phase: 'running', startedAt } as const),
        );
      },
      stop: () => {
        isOver = true;
        return Promise.resolve();
      },
      pollIntervalMs: () => endless,
      listen: () => ({
        next: () => new Promise<void>((resolve) => (tell = resolve)),
        close: () => void (seen.closed += 1),
      }),
    },
  };
}

it('a job is looked at when its engine hears of news, before its interval is over', async () => {
  const { engine, end, tell, seen } = engineWithNews();
  const environment = new MockActivityEnvironment();
  const run = environment.run(() => runJob(engine, { name: 'job', request }, () => undefined));
  await until(() => seen.looks === 1);
  tell();
  await until(() => seen.looks === 2);
  expect(seen.closed).toBe(0);
  end();
  await run;
  expect(seen).toEqual({ looks: 3, closed: 1 });
});

it('news without end keep nobody from hearing that the activity is cancelled', async () => {
  const { engine, seen } = engineWithNews();
  const restless = { ...engine, listen: () => ({ next: () => Promise.resolve(), close: () => undefined }) };
  const environment = new MockActivityEnvironment();
  const run = environment.run(() => runJob(restless, { name: 'job', request }, () => undefined));
  run.catch(() => undefined);
  await until(() => seen.looks > 3);
  environment.cancel();
  await expect(run).rejects.toThrow('CANCELLED');
});
