import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JobState } from '../../../src/core/jobs.ts';
import { held } from '../../support/docker.ts';
import { sleep } from '../../support/until.ts';
import {
  describeSecondEngine,
  startSecondEngine,
  tinyImage,
  type SecondEngine,
} from '../../support/second-engine.ts';
import { createBench, jobName, shell, type Bench } from './fixtures.ts';

let engine: SecondEngine;
let bench: Bench;

beforeAll(async () => {
  engine = await startSecondEngine();
  bench = createBench({ host: engine.host });
});
afterAll(async () => {
  let left = 'unknown';
  try {
    left = engine.docker('ps', '-aq');
  } finally {
    await engine.close();
  }
  expect(left).toBe('');
});

describeSecondEngine('a container job whose engine', () => {
  const output = (name: string) => join(bench.folder, name, 'out');
  const job = (name: string, script: string) => {
    const made = shell(script, { image: tinyImage, outputs: { out: output(name) } });
    return { ...made, body: { ...made.body, NetworkConfig: { EnableNetworkIsolation: true } } };
  };
  const writes = 'echo whole > /opt/ml/processing/output/out/x';
  const start = async (name: string, script: string) => {
    await bench.start(name, job(name, script));
    await bench.says(name, 'ready');
  };
  /** Never good without its outputs, never bad with them. */
  const expectTruth = (name: string, state: JobState) => {
    if (state.status === 'succeeded') expect(readFileSync(join(output(name), 'x'), 'utf8')).toBe('whole\n');
    else {
      expect(state).toMatchObject({ status: 'failed', code: 'JobLost' });
      expect((state as { reason: string }).reason).toMatch(/^the container engine stopped while it ran/);
      expect(existsSync(output(name))).toBe(false);
    }
  };
  const expectLost = async (name: string) => {
    const state = await bench.ended(name, 90);
    expect(state).toMatchObject({ status: 'failed', code: 'JobLost' });
    expectTruth(name, state);
  };

  it('is away when it is to be made is not made, and may be tried again', async () => {
    const away = createBench({ host: `unix://${bench.folder}/nothing.sock` });
    const name = jobName('no-engine');
    const error: unknown = await away.start(name, job(name, 'true')).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'EngineUnavailable', retryable: true });
    expect(await away.describe(name)).toEqual({ status: 'missing' });
  });

  it('is ended and started again is lost, whatever its exit code', async () => {
    const [heeds, good, makes] = ['heeds', 'good', 'makes'].map((what) => jobName(`term-${what}`));
    const wait = 'echo ready; while :; do sleep 0.1; done';
    await start(heeds!, `trap 'exit 143' TERM; ${wait}`);
    await start(good!, `trap 'exit 0' TERM; ${wait}`);
    await start(makes!, `trap '${writes}; exit 0' TERM; ${wait}`);
    await engine.end('SIGTERM');
    expect(await bench.describe(good!)).toMatchObject({ status: 'running' });
    const late = jobName('meanwhile');
    const error: unknown = await bench.start(late, job(late, writes)).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'EngineUnavailable', retryable: true });
    await engine.start();
    for (const name of [heeds!, good!, makes!]) await expectLost(name);
    const made = await bench.run(late, job(late, writes));
    expect(made).toMatchObject({ status: 'succeeded' });
    expectTruth(late, made);
  });

  it('is killed and started again ends truly: it lived on, or it is lost', async () => {
    const [long, heeds, short] = ['long', 'heeds', 'short'].map((what) => jobName(`kill-${what}`));
    await start(long!, `trap 'exit 143' TERM; echo ready; while :; do sleep 0.1; done`);
    await start(heeds!, `trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done`);
    await start(short!, `echo ready; sleep 2; ${writes}`);
    await engine.end('SIGKILL');
    await sleep(3000);
    await engine.start();
    await expectLost(long!);
    await expectLost(heeds!);
    expectTruth(short!, await bench.ended(short!));
  });

  it('is killed and lets its containers live goes on, and ends once', async () => {
    const name = jobName('live-restore');
    await start(name, `echo ready; ${held}; ${writes}; echo over`);
    await engine.end('SIGKILL');
    await engine.start('--live-restore');
    engine.docker('exec', name, 'sh', '-c', ': >/go');
    const state = await bench.ended(name);
    expect(state).toMatchObject({ status: 'succeeded' });
    expectTruth(name, state);
    expect(bench.log(name)).toBe('ready\nover\n');
  });

  it('stands still in mid-job and at its end ends as if nothing had been', async () => {
    const [mid, end, stopped] = ['mid', 'end', 'stopped'].map((what) => jobName(`still-${what}`));
    await start(mid!, `echo ready; sleep 8; ${writes}; echo over`);
    await start(end!, `echo ready; sleep 1; ${writes}; echo over`);
    await start(stopped!, `trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done`);
    engine.signal('SIGSTOP');
    await sleep(500);
    await bench.stop(stopped!);
    // Answered from files: the engine, which stands still, would never answer.
    expect(await bench.describe(end!)).toMatchObject({ status: 'running' });
    await sleep(5000);
    engine.signal('SIGCONT');
    for (const name of [mid!, end!]) {
      const state = await bench.ended(name);
      expect(state).toMatchObject({ status: 'succeeded' });
      expectTruth(name, state);
      expect(bench.log(name)).toBe('ready\nover\n');
    }
    expect(await bench.ended(stopped!)).toMatchObject({ status: 'stopped' });
  });
});
