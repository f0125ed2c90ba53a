import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { LocalOptions } from '../../../src/core/jobs.ts';
import { dockerDo, describeDocker } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { buildImage, createContainerBench, processingJob, pythonJob, shell } from './jobs.ts';

describeDocker('what a container gets of the machine', () => {
  const bench = createContainerBench();
  const run = async (name: string, script: string, local: Partial<LocalOptions> = {}, more = {}) => {
    const state = await bench.run(name, shell(script, { local, ...more }));
    expect(state, bench.log(name)).toMatchObject({ status: 'succeeded' });
    return bench.log(name).trim().split('\n');
  };
  // Of cgroup version 1, or else of version 2.
  const memory =
    'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
  const swap = `cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null ||
    cat /sys/fs/cgroup/memory.swap.max 2>/dev/null || echo none`;
  const cpus = `cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max`;
  const shm = "df -B1 --output=size /dev/shm | tail -1 | tr -d ' '";

  it('is all of it, and 64 MB of shared memory, unless the job says otherwise', async () => {
    const [bytes, quota, shared] = await run('free', `${memory}; ${cpus}; ${shm}`);
    expect(bytes === 'max' || Number(bytes) > 2 ** 60).toBe(true);
    expect(['max', '-1']).toContain(quota);
    expect(shared).toBe(String(64 * 2 ** 20));
  });

  it('is limited as the job says', async () => {
    const local = { cpus: 0.5, memoryGb: 0.25, sharedMemoryMb: 256 };
    const [bytes, withSwap, quota, shared] = await run(
      'limited',
      `${memory}; ${swap}; ${cpus}; ${shm}`,
      local,
    );
    expect(bytes).toBe(String(2 ** 28));
    // Version 2 counts swap by itself; some kernels do not count it at all.
    expect([String(2 ** 28), '0', 'none']).toContain(withSwap);
    expect(quota).toBe('50000');
    expect(shared).toBe(String(256 * 2 ** 20));
  });

  it('is that of the instance type, where the machine has so much', async () => {
    const [bytes] = await run('instance', memory, { limits: 'instance', cpus: 1 });
    expect(bytes).toBe(String(16 * 2 ** 30));
  });

  it('ends with its memory, and that is what the reason says', async () => {
    const script = "x = b'x' * 400_000_000; print(len(x))";
    expect(await bench.run('memory', pythonJob(script, { local: { memoryGb: 0.1 } }))).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      exitCode: 137,
      reason: expect.stringContaining('out of memory') as string,
    });
  });

  it('cannot be more than there is, and the engine says so', async () => {
    const job = shell('true', { local: { cpus: 1000 } });
    await expect(bench.start('too-much', job)).rejects.toMatchObject({
      message: expect.stringContaining('CPUs') as string,
      retryable: false,
    });
  });
});

describeDocker('the first process of a container', () => {
  const bench = createContainerBench();

  it("is the job's own, as on SageMaker", async () => {
    await bench.run('own', shell('cat /proc/1/cmdline | tr "\\0" " "'));
    expect(bench.log('own')).toMatch(/^sh -ec/);
  });

  // It ignores a signal that it does not handle, and so does SageMaker's.
  it('is an init when asked, which passes SIGTERM on and reaps orphans', async () => {
    const script = `
import os, time
print(open('/proc/1/cmdline').read().split('\\0')[0], flush=True)
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.2)
    os._exit(0)
os.wait()
def others():
    return [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())]
while others(): time.sleep(0.05)
print('no other process', flush=True)
time.sleep(1000)`;
    await bench.start('init', pythonJob(script, { local: { init: true }, graceSeconds: 600 }));
    await until(() => bench.log('init').includes('no other process'));
    expect(bench.log('init')).toMatch(
      /^\/(sbin\/docker-init|dev\/init|run\/podman-init)\nno other process\n$/,
    );
    await bench.stop('init');
    expect(await bench.ended('init')).toMatchObject({ status: 'stopped' });
  });
});

describeDocker('the network of a container', () => {
  const bench = createContainerBench();
  const names = 'import socket; print(sorted(name for _, name in socket.if_nameindex()))';
  const resolve = (name: string) => `
import socket
try: print('found', socket.gethostbyname('${name}'))
except OSError: print('unknown')`;

  it('is there, and the container finds itself by its name', async () => {
    expect(await bench.run('network', pythonJob(`${names}${resolve('algo-1')}`))).toMatchObject({
      status: 'succeeded',
    });
    expect(bench.log('network')).toMatch(/^\['eth0', 'lo'\]\nfound \d/);
  });

  it('is none but the loopback of an isolated job, which still finds itself by its name', async () => {
    const script = `${names}${resolve('algo-1')}
s = socket.create_server(('algo-1', 0)); socket.create_connection(s.getsockname()); print('talks')`;
    expect(await bench.run('isolated', pythonJob(script, { isolated: true }))).toMatchObject({
      status: 'succeeded',
    });
    expect(bench.log('isolated')).toBe("['lo']\nfound 127.0.0.1\ntalks\n");
  });

  it('does not name this machine unless asked', async () => {
    await bench.run('closed', pythonJob(resolve('host.docker.internal')));
    expect(bench.log('closed')).toBe('unknown\n');
    await bench.run('open', pythonJob(resolve('host.docker.internal'), { local: { hostGateway: true } }));
    expect(bench.log('open')).toMatch(/^found \d/);
  });

  it('publishes no port', async () => {
    await bench.start('ports', shell('sleep 100'));
    const name = bench.name('ports');
    await until(async () => (await bench.containers('ports')).length > 0);
    const found = (await dockerDo('GET', `/containers/${name}/json`)).json() as {
      HostConfig: { PortBindings: object | null; Privileged: boolean; Binds: unknown };
    };
    expect(found.HostConfig.PortBindings ?? {}).toEqual({});
    expect(found.HostConfig.Privileged).toBe(false);
    await bench.stop('ports');
    expect(await bench.ended('ports')).toMatchObject({ status: 'stopped' });
  });
});

describeDocker('the environment of a container', () => {
  const bench = createContainerBench();
  let image: string;
  beforeAll(async () => {
    image = await buildImage(
      'environment',
      'ENV OF_IMAGE=image BOTH=image\nENTRYPOINT ["env"]\nCMD ["printf", "by-cmd"]',
    );
  });

  afterEach(() => vi.unstubAllEnvs());

  it('is that of the image and the job, and nothing of the worker', async () => {
    const secrets = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE', 'HTTP_PROXY', 'MY_WORKER'];
    for (const name of secrets) vi.stubEnv(name, 'secret-of-the-worker');
    const environment = { BOTH: 'job', ODD: 'a=b "c" $HOME\nsecond', EMPTY: '' };
    const job = processingJob(['sh', '-c', 'env -0 | tr "\\0" "|"'], { image, environment });
    expect(await bench.run('environment', job)).toMatchObject({ status: 'succeeded' });
    const variables = new Map(
      bench
        .log('environment')
        .trim()
        .split('|')
        .filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    for (const name of ['PATH', 'HOME', 'HOSTNAME', 'PWD', 'SLUICE_ACCEPT_INSTALLED', 'LANG', 'GPG_KEY', '_'])
      variables.delete(name);
    for (const name of variables.keys()) if (name.startsWith('PYTHON')) variables.delete(name);
    expect(Object.fromEntries(variables)).toEqual({
      OF_IMAGE: 'image',
      ...environment,
      PROCESSING_JOB_NAME: bench.name('environment'),
    });
  });

  it('meets the command of the image where the job says none', async () => {
    const job = processingJob(['x'], { image });
    const specification = { ImageUri: image };
    const without = (AppSpecification: typeof job.body.AppSpecification) => ({
      ...job,
      body: { ...job.body, AppSpecification },
    });
    await bench.run('as-built', without(specification));
    expect(bench.log('as-built')).toBe('by-cmd');
    await bench.run('arguments', without({ ...specification, ContainerArguments: ['printf', 'by-job'] }));
    expect(bench.log('arguments')).toBe('by-job');
    // As with `docker run --entrypoint`, the image's CMD does not go with another entrypoint.
    await bench.run('entrypoint', processingJob(['sh', '-c', 'echo "$#"', 'x'], { image }));
    expect(bench.log('entrypoint')).toBe('0\n');
  });
});
