import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { describeDocker, held, letGo } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { createBench } from '../process/fixtures.ts';
import {
  createContainerBench,
  engineOptions,
  networksOf,
  processingJob,
  pythonJob,
  shell,
  trainingJob,
} from './jobs.ts';

describeDocker('several instances', () => {
  const bench = createContainerBench();
  const leftOf = async (name: string) => [
    ...(await bench.containers(name)),
    ...(await networksOf(`sluice.job=${bench.name(name)}`)),
  ];

  it('find and reach each other by name, and know who they are', async () => {
    const script = `
import json, socket, time
config = json.load(open('/opt/ml/config/resourceconfig.json'))
me, hosts = config['current_host'], config['hosts']
assert socket.gethostname() == me
server = socket.create_server(('0.0.0.0', 7000))
for host in hosts:
    while True:
        try: connection = socket.create_connection((host, 7000), timeout=10); break
        except OSError: time.sleep(0.05)
    connection.sendall(me.encode()); connection.close()
print('heard', sorted(server.accept()[0].recv(99).decode() for _ in hosts))`;
    expect(await bench.run('meet', pythonJob(script, { instanceCount: 3 }))).toMatchObject({
      status: 'succeeded',
    });
    expect(bench.log('meet').trim().split('\n').sort()).toEqual(
      ['algo-1', 'algo-2', 'algo-3'].map((host) => `${host}: heard ['algo-1', 'algo-2', 'algo-3']`),
    );
    expect(await leftOf('meet')).toEqual([]);
  });

  it('have a resourceconfig.json each, in training too', async () => {
    const script = `python3 -c "
import json
c = json.load(open('input/config/resourceconfig.json'))
print(c['current_host'], c['hosts'], c['network_interface_name'])"; ls /sys/class/net`;
    await bench.run('config', trainingJob(bench, script, { instanceCount: 2 }));
    expect(bench.log('config').trim().split('\n').sort()).toEqual([
      "algo-1: algo-1 ['algo-1', 'algo-2'] eth0",
      'algo-1: eth0',
      'algo-1: lo',
      "algo-2: algo-2 ['algo-1', 'algo-2'] eth0",
      'algo-2: eth0',
      'algo-2: lo',
    ]);
  });

  it.each([1, 2])('fail when host %i does, which stops the other', async (failing) => {
    const script = `trap 'echo stopped; exit 0' TERM; echo ready
      if [ $(hostname) = algo-${failing} ]; then ${held}; echo 'out of beans' > /opt/ml/output/failure; exit 7; fi
      sleep 1000 & wait`;
    const name = `fails-${failing}`;
    await bench.start(name, shell(script, { instanceCount: 2, graceSeconds: 600 }));
    // The one that is stopped has to listen by then.
    await until(() => bench.log(name).match(/ready/g)?.length === 2);
    await letGo(failing === 1 ? bench.name(name) : `${bench.name(name)}.algo-2`);
    expect(await bench.ended(name)).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      exitCode: 7,
      reason: `algo-${failing}: out of beans (exit code 7)`,
    });
    expect(bench.log(name)).toContain(`algo-${3 - failing}: stopped`);
    expect(await leftOf(name)).toEqual([]);
  });

  it('fail when one cannot be started', async () => {
    const job = processingJob(['/no/such/command'], { instanceCount: 2 });
    expect(await bench.run('unstartable', job)).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      reason: expect.stringContaining('/no/such/command') as string,
    });
    expect(await leftOf('unstartable')).toEqual([]);
  });

  it('leave nothing when the engine cannot give what they ask for', async () => {
    const job = shell('true', { instanceCount: 2, local: { cpus: 1000 } });
    await expect(bench.start('refused', job)).rejects.toMatchObject({ retryable: false });
    expect(await leftOf('refused')).toEqual([]);
  });

  it('are stopped together', async () => {
    const script = "trap 'echo told; exit 0' TERM; echo ready; sleep 100 & wait";
    await bench.start('stop', shell(script, { instanceCount: 3 }));
    await until(() => bench.log('stop').match(/ready/g)?.length === 3);
    expect(await leftOf('stop')).toHaveLength(4);
    await bench.stop('stop');
    expect(await bench.ended('stop')).toMatchObject({ status: 'stopped' });
    expect(bench.log('stop').match(/: told/g)).toHaveLength(3);
    expect(await leftOf('stop')).toEqual([]);
  });

  it('leave no network behind when the work is cut off before there are containers', async () => {
    const job = shell('true', { instanceCount: 2 });
    const cut = new AbortController();
    const { connect } = engineOptions(bench.folder, bench.jobsDir);
    const worker = createContainerBench({
      jobsDir: bench.jobsDir,
      connect: async () => {
        const connection = await connect();
        const createNetwork: ContainerClient['createNetwork'] = async (...args) => {
          await connection.client.createNetwork(...args);
          cut.abort(new Error('cut off'));
          // Until everybody has heard of it.
          await setImmediate();
        };
        return { ...connection, client: { ...connection.client, createNetwork } };
      },
    });
    await expect(worker.engine.ensure(bench.name('cut'), job, cut.signal)).rejects.toThrow('cut off');
    expect(await leftOf('cut')).toHaveLength(1);
    await bench.stop('cut');
    await bench.ended('cut');
    expect(await bench.engine.remove(bench.name('cut'))).toBe(true);
    expect(await leftOf('cut')).toEqual([]);
  });

  it('write a log of whole lines, each with its host before it', async () => {
    const script = `
import sys, socket
for i in range(2000): sys.stdout.write(f'{i} ' + 'x' * (i % 300) + '\\n')
sys.stdout.write('no end'); sys.stdout.flush()
sys.stderr.write('an error\\n')`;
    expect(await bench.run('log', pythonJob(script, { instanceCount: 2 }))).toMatchObject({
      status: 'succeeded',
    });
    const lines = bench.log('log').trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^algo-[12]: (\d+ x*|.*an error|.*no end)$/);
    for (const host of ['algo-1', 'algo-2']) {
      const numbers = lines
        .filter((line) => line.startsWith(`${host}: `))
        .flatMap((line) => /^algo-\d: (\d+) (x*)/.exec(line) ?? [])
        .filter((_match, index) => index % 3 === 1)
        .map(Number);
      expect(numbers).toEqual(Array.from({ length: 2000 }, (_, index) => index));
    }
  });
});

describeDocker('several instances of the process engine', () => {
  it('are refused', () => {
    const { engine } = createBench('none');
    expect(() => engine.check(shell('true', { instanceCount: 2 }))).toThrow(
      expect.objectContaining({ code: 'Unsupported' }) as Error,
    );
  });
});
