import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { createConnector } from '../../../src/engines/container/connect.ts';
import { describeDocker, dockerSocket, listContainers } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { unset } from './docker-folder.ts';
import {
  createBench,
  docker,
  fakePython,
  jobName,
  ourContainers,
  python,
  shell,
  training,
} from './fixtures.ts';

describeDocker('two that are at one job', () => {
  const bench = createBench();

  it('never write into one container, and one of theirs runs', async () => {
    const name = jobName('both');
    const written: string[] = [];
    const wait = meeting(2);
    const wrap = (client: ContainerClient): ContainerClient => ({
      ...client,
      async putArchive(container, ...rest) {
        written.push(container);
        await wait();
        await client.putArchive(container, ...rest);
      },
    });
    const workers = [
      createBench({ folder: bench.folder, wrap }),
      createBench({ folder: bench.folder, wrap }),
    ];
    await Promise.all(workers.map((one) => one.start(name, shell('echo started'))));
    expect(await workers[0]!.ended(name)).toMatchObject({ status: 'succeeded' });
    expect(new Set(written).size).toBe(2);
    expect(written).not.toContain(name);
    expect(bench.log(name)).toBe('started\n');
    expect(await ourContainers()).toEqual([]);
  });

  it('with folders of their own do not share the container, and the failure of one harms none', async () => {
    const name = jobName('homes');
    const job = shell('echo ready; sleep 300', { local: { stopGraceSeconds: 0 } });
    const other = createBench();
    await bench.start(name, job);
    await bench.says(name, 'ready');
    await expect(other.start(name, job)).rejects.toMatchObject({
      code: 'SpecMismatch',
      message: expect.stringContaining('another SLUICE_HOME') as string,
    });
    const missing = createBench();
    await expect(missing.start(name, shell('true', { image: 'sluice-no-such:1' }))).rejects.toMatchObject({
      code: 'ImageNotFound',
    });
    expect(await bench.describe(name)).toMatchObject({ status: 'running' });
    await bench.stop(name);
    expect(await bench.ended(name)).toMatchObject({ status: 'stopped' });
  });

  it('do not rely on what was written before the machine went down', async () => {
    const name = jobName('power');
    const job = shell('true');
    const before = createBench({
      folder: bench.folder,
      supervisorPython: fakePython('exit 1'),
      wrap: (client) => ({
        ...client,
        create: (container, body) =>
          client.create(container, {
            ...body,
            Labels: { ...(body.Labels as Record<string, string>), 'sluice.boot': 'another' },
          }),
      }),
    });
    await expect(before.start(name, job)).rejects.toMatchObject({ code: 'EngineUnavailable' });
    const [old] = await listContainers(`sluice.job=${name}`);
    // As it is when the machine lost its power before that was on its disk.
    rmSync(join(bench.jobsDir, name, 'populated'));
    const seen: string[] = [];
    const after = createBench({
      folder: bench.folder,
      wrap: (client) => ({
        ...client,
        async rename(from, to) {
          const renamed = await client.rename(from, to);
          seen.push(...(await listContainers(`sluice.job=${name}`)).map(({ Id }) => Id));
          return renamed;
        },
      }),
    });
    expect(await after.run(name, job)).toMatchObject({ status: 'succeeded' });
    expect(seen).toHaveLength(1);
    expect(seen[0]).not.toBe(old!.Id);
  });

  it('start it though the supervisor that took it was killed before it began', async () => {
    const name = jobName('taken');
    const mark = join(bench.folder, 'was-taken');
    const takes = fakePython(`[ -e ${mark} ] && exec ${python} "$@"; touch ${mark}; echo 1 taken`);
    const one = createBench({ folder: bench.folder, supervisorPython: takes });
    await one.start(name, shell('true'));
    expect(existsSync(mark)).toBe(true);
    expect(await one.ended(name)).toMatchObject({ status: 'succeeded' });
  });
});

describeDocker('an engine that does not answer', () => {
  it('keeps nobody from giving a job up, and what it made late is found', async () => {
    const name = jobName('frozen');
    const asked: string[] = [];
    const never = (what: string) => () => {
      asked.push(what);
      return new Promise<never>(() => undefined);
    };
    const bench = createBench({
      wrap: (client) => ({ ...client, create: never('create'), list: never('list') }),
    });
    const abort = new AbortController();
    const started = bench.start(name, shell('true'), abort.signal);
    await until(() => asked.includes('create'));
    abort.abort(new Error('cancelled'));
    await expect(started).rejects.toThrow('cancelled');
    await bench.stop(name);
    expect(await bench.describe(name)).toMatchObject({ status: 'stopped' });
  });
});

describeDocker('outputs', () => {
  it('of a container that is gone when they are fetched are lost, not empty', async () => {
    const bench = createBench({
      wrap: (client) => ({
        ...client,
        getArchive(container, path) {
          if (path.startsWith('/opt/ml/model')) docker('rm', '-f', container);
          return client.getArchive(container, path);
        },
      }),
    });
    const name = jobName('gone');
    const models = join(bench.folder, 'models');
    const state = await bench.run(name, training('open("/opt/ml/model/m", "w").write("m")', models));
    expect(state).toMatchObject({ status: 'failed', code: 'JobLost' });
    expect(existsSync(join(models, name))).toBe(false);
  });

  it('have a network that is found when nothing else of the job is left', async () => {
    const bench = createBench();
    const name = jobName('network-left');
    const { client } = await createConnector(unset('/nowhere', { host: `unix://${dockerSocket}` }))();
    await client.createNetwork(`sluice-${name}`, { 'sluice.job': name, 'sluice.home': bench.jobsDir });
    try {
      expect(await bench.engine.list()).toMatchObject([{ name, state: 'ended' }]);
      expect(await bench.engine.remove(name)).toBe(true);
      expect(await bench.engine.list()).toEqual([]);
    } finally {
      await client.removeNetwork(`sluice-${name}`);
    }
  });

  it('are not in danger when somebody uses the network of the job', async () => {
    const name = jobName('network');
    const { client } = await createConnector(unset('/nowhere', { host: `unix://${dockerSocket}` }))();
    await client.createNetwork(name, { 'sluice.test': 'x' });
    const guest = docker('run', '-d', '--network', name, 'python:3.11-slim-bookworm', 'sleep', '60').trim();
    try {
      await client.removeNetwork(name);
    } finally {
      docker('rm', '-f', guest);
      await client.removeNetwork(name);
    }
    expect(docker('network', 'ls', '-q', '--filter', `name=${name}`)).toBe('');
  });
});

/** Resolves for all when as many have come. */
function meeting(count: number): () => Promise<void> {
  let come = 0;
  return async () => {
    come += 1;
    await until(() => come >= count);
  };
}
