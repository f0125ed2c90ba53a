import { readFileSync } from 'node:fs';
import { afterEach, beforeEach } from 'vitest';
import { createSageMakerApi, type SageMakerApi } from '../../../src/aws/sagemaker.ts';
import type { LogEvent, LogsApi } from '../../../src/aws/cloudwatch-logs.ts';
import { jobRequest, type JobRef, type JobRequest, type JobState } from '../../../src/core/jobs.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import { createBudget } from '../../../src/engines/sagemaker/budget.ts';
import type { Clock } from '../../../src/engines/sagemaker/clock.ts';
import { createSageMakerEngine } from '../../../src/engines/sagemaker/engine.ts';
import { useAwsSettings, withoutAwsSettings } from '../../support/aws-env.ts';
import { openEmulator, type TestEmulator } from '../../support/emulator.ts';
import { folderPerTest } from '../../support/folders.ts';

/** The plan's own requests, of a pipeline with every setting. */
export function jobOf(step: 'preprocess' | 'train' | 'evaluate' | 'transform'): JobRequest {
  const file = new URL(`../../core/fixtures/online-${step}.json`, import.meta.url);
  return jobRequest.parse(JSON.parse(readFileSync(file, 'utf8')));
}

export const jobs = {
  Processing: jobOf('preprocess'),
  Training: jobOf('train'),
  Transform: jobOf('transform'),
};
export const kinds = ['Processing', 'Training', 'Transform'] as const;

/** The emulator's time; who waits makes it pass. For tests in which one waits at a time. */
function linkedClock(emulator: TestEmulator): Clock {
  const { clock } = emulator.emulator;
  return {
    speed: 1,
    now: () => clock.now(),
    date: () => clock.now(),
    wait: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      emulator.advance(milliseconds / 1000);
      // What others do meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    },
  };
}

export interface Stand {
  emulator: TestEmulator;
  engine: Engine;
  /** Another worker: an engine that has seen nothing. @param api - default: straight to the emulator. */
  other(api?: SageMakerApi): Engine;
  /** What CloudWatch has of any job, or why it gives nothing. */
  log: Omit<LogEvent, 'id'>[] | Error;
  /** Why it does not give all of it. */
  cutOff: Error | null;
  /** How often it was asked. */
  logCalls: number;
}

const region = 'us-east-1';
export const signal = () => new AbortController().signal;

/** An engine over HTTP to an emulator whose clock is also the engine's. */
export function standPerTest(): Stand {
  const folder = folderPerTest();
  withoutAwsSettings(folder);
  const stand = { log: [], logCalls: 0 } as unknown as Stand;
  const logs: LogsApi = {
    lastEvents() {
      stand.logCalls += 1;
      if (stand.log instanceof Error) return Promise.reject(stand.log);
      const events = stand.log.map((event, index) => ({ id: `event-${index}`, ...event }));
      return Promise.resolve({ events, cutOff: stand.cutOff });
    },
    pages: () => {
      throw new Error('the engine reads no log to its beginning');
    },
  };
  stand.other = (api = createSageMakerApi(region)) => {
    const clock = linkedClock(stand.emulator);
    return createSageMakerEngine({
      api,
      logs,
      budget: createBudget(clock),
      clock,
    });
  };
  beforeEach(async () => {
    stand.emulator = await openEmulator();
    useAwsSettings(stand.emulator.env);
    stand.log = [];
    stand.cutOff = null;
    stand.logCalls = 0;
    stand.engine = stand.other();
    await createModels();
  });
  afterEach(() => stand.emulator.close());
  return stand;
}

/**
 * A network that holds back requests to create until they are let through. Who gives one up hears no answer; it arrives all
 * the same.
 */
export function slowNetwork(): SageMakerApi & { held: number; letThrough(): void } {
  const api = createSageMakerApi(region);
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const network = {
    held: 0,
    letThrough: () => open(),
    async call(...[operation, input, given]: Parameters<SageMakerApi['call']>) {
      if (!operation.startsWith('Create')) return api.call(operation, input, given);
      network.held += 1;
      const arriving = gate.then(() => api.call(operation, input));
      const givenUp = new Promise<never>((_resolve, reject) => {
        given?.addEventListener('abort', () => reject(given.reason as Error));
      });
      return Promise.race([arriving, givenUp]);
    },
  };
  return network;
}

/** What the transform job is about. */
async function createModels(): Promise<void> {
  const job = jobs.Transform;
  if (job.kind !== 'Transform') throw new Error('unreachable');
  await createSageMakerApi(region).call('CreateModel', {
    ModelName: job.body.ModelName,
    ExecutionRoleArn: 'arn:aws:iam::123456789012:role/Jobs',
    PrimaryContainer: {
      Image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1',
      ModelDataUrl: 's3://b/m.tar.gz',
    },
  });
}

/** Sees a job to its end, as `activities/run-job.ts` does; the emulator's time passes meanwhile. */
export async function watch({ emulator }: Stand, engine: Engine, ref: JobRef, hours = 48): Promise<JobState> {
  for (let elapsed = 0; elapsed < hours * 3_600_000;) {
    const state = await engine.describe(ref, signal());
    if (state.status !== 'running') return state;
    const pause = engine.pollIntervalMs(elapsed);
    emulator.advance(pause / 1000);
    elapsed += pause;
  }
  throw new Error(`${ref.name} does not end`);
}
