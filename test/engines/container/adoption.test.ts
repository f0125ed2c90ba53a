import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { baseImage, describeDocker, dockerApi, dockerDo, held, letGo } from '../../support/docker.ts';
import { seeded } from '../../support/random.ts';
import { sleep, until } from '../../support/until.ts';
import { count, createBench, docker, jobName, leftovers, ourContainers, shell } from './fixtures.ts';

describeDocker('the name of a container job', () => {
  const bench = createBench();
  const other = createBench({ folder: bench.folder });
  const output = (name: string) => join(bench.folder, 'out', name);
  /** Says that it was started, and leaves two outputs of two files each. */
  const work = (name: string, more = '') =>
    shell(
      `echo started; ${more} cd /opt/ml/processing/output; for o in a b; do echo 1 > $o/one; echo 2 > $o/two; done; echo over`,
      { outputs: { a: join(output(name), 'a'), b: join(output(name), 'b') } },
    );
  const expectWhole = (name: string) => {
    for (const one of ['a', 'b']) expect(readdirSync(join(output(name), one)).sort()).toEqual(['one', 'two']);
    expect(count(bench.log(name), 'started\n')).toBe(1);
  };

  it('stands for one container with one start, whoever asks and how often', async () => {
    const name = jobName('twice');
    const job = work(name);
    const refs = await Promise.all(
      [bench, other, bench, other].map((one) => one.engine.ensure(name, job, new AbortController().signal)),
    );
    expect(refs.map(({ engine, name }) => ({ engine, name }))).toEqual(
      refs.map(() => ({ engine: 'container', name })),
    );
    expect(refs.filter(({ adopted }) => !adopted)).toHaveLength(1);
    const ends = await Promise.all([bench.ended(name), other.ended(name)]);
    expect(ends[0]).toMatchObject({ status: 'succeeded' });
    expect(ends[1]).toEqual(ends[0]);
    await other.start(name, job);
    expect(await other.describe(name)).toEqual(ends[0]);
    expectWhole(name);
    expect(leftovers(bench)).toEqual([]);
    expect(await ourContainers()).toEqual([]);
  });

  it('is not given to another request', async () => {
    const name = jobName('mismatch');
    await bench.start(name, shell('true'));
    await expect(other.start(name, shell('false'))).rejects.toMatchObject({ code: 'SpecMismatch' });
    expect(await bench.ended(name)).toMatchObject({ status: 'succeeded' });
    await expect(other.start(name, shell('false'))).rejects.toMatchObject({ code: 'SpecMismatch' });
  });

  it.each([
    ['nobody knows of', {}],
    ['is of another request', { 'sluice.request': 'another' }],
  ])('is not taken from a container that %s, which stays as it is', async (what, labels) => {
    const name = jobName(`foreign-${Object.keys(labels).length}`);
    await dockerDo('POST', `/containers/create?name=${name}`, {
      Image: baseImage,
      Cmd: ['true'],
      Labels: labels,
    });
    try {
      await expect(bench.start(name, shell('true'))).rejects.toMatchObject({ code: 'SpecMismatch' });
      expect(JSON.parse(docker('inspect', name))[0]).toMatchObject({
        State: { Status: 'created' },
        Config: { Labels: labels },
      });
      await bench.stop(name);
      expect(await bench.describe(name)).toMatchObject({ status: 'stopped' });
      expect(docker('inspect', '-f', '{{.State.Status}}', name).trim()).toBe('created');
    } finally {
      await dockerApi('DELETE', `/containers/${name}?force=1`);
    }
  });

  it('brings the job to its end once, at whichever call to the engine its worker dies', async () => {
    let calls = 0;
    for (let at = 1; ; at += 1) {
      const name = jobName(`dies-${at}`);
      const job = work(name);
      const dying = dyingAt(at);
      const victim = createBench({ folder: bench.folder, wrap: dying.wrap });
      const seen = await victim
        .start(name, job)
        .then(() => victim.ended(name))
        .catch((error: unknown) => error);
      calls = dying.calls();
      if (!dying.isDead()) break;
      expect(seen).toBeInstanceOf(Died);
      await other.start(name, job);
      expect(await other.ended(name)).toMatchObject({ status: 'succeeded' });
      expectWhole(name);
      expect(leftovers(bench)).toEqual([]);
    }
    expect(calls).toBeGreaterThan(6);
    expect(await ourContainers()).toEqual([]);
  });

  it('lets the job go on when its supervisor is killed, whenever that is', async () => {
    const random = seeded(Date.now() % 100_000);
    const name = jobName('killed');
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    const job = work(name, `for i in $(seq 0 39); do echo line $i; sleep 0.1; done; ${held};`);
    await bench.start(name, job);
    for (let kill = 0; kill < 6; kill += 1) {
      const one = kill % 2 === 0 ? bench : other;
      await one.killSupervisor(name);
      await sleep(random() * 400);
      const state = await one.describe(name);
      expect(state).toMatchObject({ status: 'running', startedAt: expect.any(String) as string });
      await sleep(random() * 400);
    }
    await letGo(name);
    expect(await bench.ended(name)).toMatchObject({ status: 'succeeded' });
    expectWhole(name);
    expect(bench.log(name).trim().split('\n')).toEqual(['started', ...lines, 'over']);
  });

  it('has a stop, a limit and an end that outlive the supervisor', async () => {
    const names = ['stop', 'limit', 'end'].map((what) => jobName(`outlives-${what}`));
    const [stop, limit, end] = names as [string, string, string];
    await bench.start(stop, shell('echo ready; sleep 300', { local: { stopGraceSeconds: 0.5 } }));
    await bench.start(
      limit,
      shell('echo ready; sleep 300', { local: { maxRuntimeSeconds: 600, stopGraceSeconds: 0.5 } }),
    );
    await bench.start(end, shell(`echo ready; ${held}; exit 7`));
    for (const name of names) {
      await bench.says(name, 'ready');
      await bench.killSupervisor(name);
    }
    await bench.stop(stop);
    // As if its time were over meanwhile.
    const started = join(bench.jobsDir, limit, 'started.json');
    const earlier = (_: string, at: string) => `"monotonic":${Number(at) - 600_000}`;
    writeFileSync(started, readFileSync(started, 'utf8').replace(/"monotonic":(\d+)/, earlier));
    await letGo(end);
    await until(() => docker('inspect', '-f', '{{.State.Status}}', end).trim() === 'exited');
    expect(await bench.ended(stop)).toMatchObject({ status: 'stopped' });
    expect(await bench.ended(end)).toMatchObject({ status: 'failed', exitCode: 7 });
    expect(await bench.ended(limit)).toMatchObject({ status: 'failed', code: 'JobTimedOut' });
  });

  it('ends rightly whatever was done when the worker was killed while outputs were placed', async () => {
    for (const stage of ['ending', 'half', 'placed', 'removed']) {
      const name = jobName(`commit-${stage}`);
      const job = work(name);
      const victim = createBench({ folder: bench.folder, wrap: dyingAtCall('remove').wrap });
      await victim.start(name, job);
      await expect(victim.ended(name)).rejects.toBeInstanceOf(Died);
      const folder = join(bench.jobsDir, name);
      const ending = JSON.parse(readFileSync(join(folder, 'ending.json'), 'utf8')) as {
        outputs: { aside: string; destination: string }[];
      };
      expect(ending.outputs).toHaveLength(2);
      expectWhole(name);
      // As it was a moment before: both outputs aside, or only the second.
      const back = { ending: ending.outputs, half: ending.outputs.slice(1), placed: [], removed: [] }[stage]!;
      for (const { aside, destination } of back) {
        execFileSync('mkdir', ['-p', join(aside, '..')]);
        execFileSync('mv', [destination, aside]);
      }
      const asides = back.map(({ aside }) => join(aside, '..'));
      writeFileSync(join(folder, 'asides-1.json'), JSON.stringify(asides));
      if (stage === 'removed') docker('rm', '-f', name);
      expect(await other.ended(name)).toMatchObject({ status: 'succeeded' });
      expectWhole(name);
      expect(leftovers(bench)).toEqual([]);
    }
    expect(await ourContainers()).toEqual([]);
  });

  it('is lost, not good, when the record of its end is half written', async () => {
    const name = jobName('half-record');
    await bench.run(name, shell('true'));
    const record = join(bench.jobsDir, name, 'exit.json');
    writeFileSync(record, readFileSync(record, 'utf8').slice(0, 20));
    expect(await bench.describe(name)).toMatchObject({ status: 'failed', code: 'JobLost' });
  });

  it.each([255, 0])(
    'is interrupted by a machine that went down meanwhile, whatever its exit code: %d',
    async (code) => {
      const name = jobName(`rebooted-${code}`);
      await bench.start(name, shell(`echo ready; ${held}; exit ${code}`));
      await bench.says(name, 'ready');
      await bench.killSupervisor(name);
      const started = join(bench.jobsDir, name, 'started.json');
      writeFileSync(started, readFileSync(started, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"another"'));
      await letGo(name);
      await until(() => docker('inspect', '-f', '{{.State.Status}}', name).trim() === 'exited');
      expect(await bench.ended(name)).toMatchObject({ status: 'failed', code: 'JobLost' });
    },
  );

  it('keeps its time by a clock that nobody sets', async () => {
    const name = jobName('clock');
    await bench.start(name, shell(`echo ready; ${held}; echo over`, { local: { maxRuntimeSeconds: 60 } }));
    await bench.says(name, 'ready');
    await bench.killSupervisor(name);
    const started = join(bench.jobsDir, name, 'started.json');
    const hoursAgo = new Date(Date.now() - 5 * 3_600_000).toISOString();
    writeFileSync(
      started,
      readFileSync(started, 'utf8').replace(/"startedAt":"[^"]*"/, `"startedAt":"${hoursAgo}"`),
    );
    expect(await bench.describe(name)).toMatchObject({ status: 'running', startedAt: hoursAgo });
    await letGo(name);
    expect(await bench.ended(name)).toMatchObject({ status: 'succeeded' });
  });
});

describeDocker('what container jobs leave', () => {
  const bench = createBench();

  it('is listed and removed, but nothing that runs', async () => {
    const [live, over, lost, unmade] = ['live', 'over', 'lost', 'unmade'].map((what) =>
      jobName(`left-${what}`),
    );
    const sleeps = shell('echo ready; sleep 300', { local: { stopGraceSeconds: 0.2 } });
    await bench.run(over!, shell('true'));
    const victim = createBench({ folder: bench.folder, wrap: dyingAtCall('putArchive').wrap });
    await expect(victim.start(unmade!, sleeps)).rejects.toBeInstanceOf(Died);
    for (const name of [live!, lost!]) {
      await bench.start(name, sleeps);
      await bench.says(name, 'ready');
    }
    await bench.killSupervisor(lost!);
    const states = async () =>
      Object.fromEntries((await bench.engine.list()).map(({ name, state }) => [name, state]));
    expect(await states()).toEqual({
      [live!]: 'running',
      [lost!]: 'lost',
      [over!]: 'ended',
      [unmade!]: 'prepared',
    });
    expect(await bench.engine.remove(live!)).toBe(false);
    expect(await bench.engine.remove(over!)).toBe(true);
    expect(await bench.engine.remove(unmade!)).toBe(true);
    // Its container runs on: to look after it is not to remove it.
    expect(await bench.engine.remove(lost!)).toBe(false);
    for (const name of [live!, lost!]) {
      await bench.stop(name);
      await bench.ended(name);
      expect(await bench.engine.remove(name)).toBe(true);
    }
    expect(await states()).toEqual({});
    expect(await ourContainers()).toEqual([]);
    expect(leftovers(bench)).toEqual([]);
  });

  it('is found by its containers when the folder of the job is gone', async () => {
    const name = jobName('orphan');
    await bench.start(name, shell('echo ready; sleep 300'));
    await bench.says(name, 'ready');
    await bench.killSupervisor(name);
    execFileSync('rm', ['-r', join(bench.jobsDir, name)]);
    expect(await bench.engine.list()).toMatchObject([{ name, state: 'running' }]);
    // Another folder's jobs are another's business.
    expect(await createBench().engine.list()).toEqual([]);
    await bench.stop(name);
    expect(await bench.engine.remove(name)).toBe(true);
    expect(await bench.engine.list()).toEqual([]);
    expect(await ourContainers()).toEqual([]);
    expect(existsSync(join(bench.jobsDir, name))).toBe(false);
  });

  it('is found, too, when it is a probe whose worker died', async () => {
    const own = createBench();
    const victim = createBench({ folder: own.folder, wrap: dyingAtCall('getArchive', 'remove').wrap });
    const job = shell('true', { inputs: { data: own.folder } });
    await expect(victim.start(jobName('probed'), job)).rejects.toBeInstanceOf(Died);
    const [probe] = (await own.engine.list()).filter(({ name }) => name.startsWith('sluice-probe-'));
    expect(probe).toMatchObject({ state: 'ended' });
    expect(await own.engine.remove(probe!.name)).toBe(true);
    expect(await own.engine.remove(jobName('probed'))).toBe(true);
    expect(await own.engine.list()).toEqual([]);
  });
});

class Died extends Error {}

type Wrap = (client: ContainerClient) => ContainerClient;

/** A client whose worker dies at its n-th call: half of such calls are done by the engine nevertheless. */
function dyingAt(at: number): { wrap: Wrap; calls: () => number; isDead: () => boolean } {
  let calls = 0;
  const wrap = intercept(async (_method, call) => {
    calls += 1;
    if (calls < at) return call();
    if (calls === at && at % 2 === 0) await call();
    throw new Died(`call ${at}`);
  });
  return { wrap, calls: () => calls, isDead: () => calls >= at };
}

function dyingAtCall(...fatal: string[]): { wrap: Wrap } {
  return {
    wrap: intercept((method, call) => (fatal.includes(method) ? Promise.reject(new Died(method)) : call())),
  };
}

function intercept(take: (method: string, call: () => Promise<unknown>) => Promise<unknown>): Wrap {
  return (client) =>
    Object.fromEntries(
      Object.entries(client).map(([method, call]) => [
        method,
        (...args: unknown[]) =>
          take(method, () => (call as (...all: unknown[]) => Promise<unknown>)(...args)),
      ]),
    ) as unknown as ContainerClient;
}
