import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { seesSame, sharesFiles } from '../../../src/engines/container/shared-files.ts';
import { describeDocker } from '../../support/docker.ts';
import {
  createContainerBench,
  childCommand,
  engineOptions,
  plainImage,
  processingJob,
  shell,
  trainingJob,
  writeFiles,
} from './jobs.ts';
import { canMount } from '../process/fixtures.ts';

describeDocker('the inputs of a container', () => {
  const bench = createContainerBench();
  const data = (name: string, files: Record<string, string>) => writeFiles(join(bench.folder, name), files);
  const lines = (name: string) => bench.log(name).trim().split('\n');

  it('lie where the contract says, a file under its own name', async () => {
    const folder = data('contract', { 'a.csv': '1\n', 'deep/b.csv': '2\n', '.hidden': '' });
    const script = 'find input/data -type f | sort; cat input/data/one/a.csv';
    const job = trainingJob(bench, script, { channels: { train: folder, one: join(folder, 'a.csv') } });
    expect(await bench.run('contract', job)).toMatchObject({ status: 'succeeded' });
    expect(lines('contract')).toEqual([
      'input/data/one/a.csv',
      'input/data/train/.hidden',
      'input/data/train/a.csv',
      'input/data/train/deep/b.csv',
      '1',
    ]);
  });

  it('are mounted where they lie, so that 2 GB take no space, and the job cannot write to them', async () => {
    const folder = data('big', { 'big.bin': '' });
    truncateSync(join(folder, 'big.bin'), 2 ** 31);
    const script = `cd /opt/ml/processing/input/data; stat -c %s big.bin
      echo x > big.bin || true; echo x > more || true; rm big.bin || true
      grep -c "$PWD" /proc/self/mounts`;
    expect(await bench.run('big', shell(script, { inputs: { data: folder } }))).toMatchObject({
      status: 'succeeded',
    });
    expect(bench.log('big')).toContain('2147483648');
    expect(bench.log('big').match(/Read-only file system/g)).toHaveLength(3);
    expect(readdirSync(folder)).toEqual(['big.bin']);
  });

  it('include what a link points at, inside the folder and elsewhere', async () => {
    const elsewhere = data('elsewhere', { 'far.csv': 'far\n' });
    const folder = data('links', { 'a.csv': 'near\n' });
    symlinkSync('a.csv', join(folder, 'near.csv'));
    symlinkSync(join(elsewhere, 'far.csv'), join(folder, 'far.csv'));
    symlinkSync('../links/a.csv', join(folder, 'around.csv'));
    symlinkSync('nowhere', join(folder, 'dangling'));
    const script = 'cd /opt/ml/processing/input/data; cat near.csv far.csv around.csv';
    expect(await bench.run('links', shell(script, { inputs: { data: folder } }))).toMatchObject({
      status: 'succeeded',
    });
    expect(lines('links')).toEqual(['near', 'far', 'near']);
  });

  it('can be a link themselves', async () => {
    const folder = data('target', { 'a.csv': 'a\n' });
    symlinkSync(folder, join(bench.folder, 'current'));
    const script = 'cat /opt/ml/processing/input/data/a.csv';
    await bench.run('current', shell(script, { inputs: { data: join(bench.folder, 'current') } }));
    expect(bench.log('current')).toBe('a\n');
  });

  it('of names that a command line would trip over are taken as they are', async () => {
    const folder = data('odd, "names" ü', { 'a b\n.csv': '', 'käse,x=y:z': 'cheese\n', '-rf': '' });
    const script = 'cd /opt/ml/processing/input/data; ls | wc -l; cat käse,x=y:z';
    expect(await bench.run('odd', shell(script, { inputs: { data: folder } }))).toMatchObject({
      status: 'succeeded',
    });
    expect(lines('odd')).toEqual(['4', 'cheese']);
  });

  it('are replicated to all hosts, or shared among them: every file once, round robin by name', async () => {
    const files = Object.fromEntries(['e', 'c', 'a', 'd', 'b', 'sub/f', 'sub/g'].map((name) => [name, name]));
    const folder = data('shards', files);
    const script = `cd /opt/ml/processing/input
      echo all $(find all -type f | wc -l); echo shared $(cd shared; find . -type f | sort)`;
    const job = shell(script, {
      inputs: { all: folder, shared: folder },
      sharded: ['shared'],
      instanceCount: 3,
    });
    expect(await bench.run('shards', job)).toMatchObject({ status: 'succeeded' });
    expect(lines('shards').sort()).toEqual([
      'algo-1: all 7',
      'algo-1: shared ./a ./d ./sub/g',
      'algo-2: all 7',
      'algo-2: shared ./b ./e',
      'algo-3: all 7',
      'algo-3: shared ./c ./sub/f',
    ]);
  });

  it('that are one file are whole on the first host when shared, and the folder is there on the others', async () => {
    const folder = data('one-shard', { 'a.csv': 'a\n' });
    const job = shell('ls /opt/ml/processing/input/data', {
      inputs: { data: join(folder, 'a.csv') },
      sharded: ['data'],
      instanceCount: 2,
    });
    expect(await bench.run('one-shard', job)).toMatchObject({ status: 'succeeded' });
    expect(bench.log('one-shard')).toBe('algo-1: a.csv\n');
  });

  it('that are missing end the start before anything is made', async () => {
    const job = processingJob(['true'], { inputs: { data: join(bench.folder, 'nothing') } });
    await expect(bench.start('missing', job)).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(await bench.containers('missing')).toEqual([]);
  });
});

describeDocker('whether the engine sees the files of this machine', () => {
  const bench = createContainerBench();

  it('is found out by a file, which does not stay', async () => {
    const { client } = await engineOptions(bench.folder, bench.jobsDir).connect();
    mkdirSync(bench.jobsDir, { recursive: true });
    expect(await sharesFiles(client, bench.jobsDir, plainImage)).toBe(true);
    expect(readdirSync(bench.jobsDir)).toEqual([]);
    expect(await bench.engine.list()).toEqual([]);
  });

  it('leaves nothing that a clean-up does not find when the worker is killed meanwhile', async () => {
    const { client } = await engineOptions(bench.folder, bench.jobsDir).connect();
    // What the worker would not do any more.
    const killed = { ...client, remove: () => Promise.resolve() };
    expect(await sharesFiles(killed, bench.jobsDir, plainImage)).toBe(true);
    const left = await bench.engine.list();
    expect(left).toMatchObject([{ name: expect.stringMatching(/^sluice-probe-/) as string, state: 'ended' }]);
    expect(await bench.engine.remove(left[0]!.name)).toBe(true);
    expect(await bench.engine.list()).toEqual([]);
  });

  it('is found out without writing to a file or folder, too', async () => {
    const { client } = await engineOptions(bench.folder, bench.jobsDir).connect();
    const folder = writeFiles(join(bench.folder, 'seen'), { a: '' });
    expect(await seesSame(client, bench.jobsDir, folder, plainImage)).toBe(true);
    expect(await seesSame(client, bench.jobsDir, join(folder, 'a'), plainImage)).toBe(true);
  });
});

describeDocker('a worker in a mount namespace of its own', () => {
  const bench = createContainerBench();
  const script = `cd /opt/ml/processing/input/data; cat a.csv; cat deep/b.csv > /opt/ml/processing/output/out/b.csv
    ! grep -q /opt/ml/processing/input/data /proc/self/mounts`;
  /** The worker sees something else than the engine at `hidden`, and there puts its input. */
  const run = async (short: string, hidden: string, content: string) => {
    const input = join(hidden, 'input');
    const output = join(bench.folder, short, 'out');
    const job = shell(script, { inputs: { data: input }, outputs: { out: output } });
    const inside = `mount -t tmpfs none "$1"; mkdir -p "$2/deep"; printf '%s' "$3" > "$2/a.csv"
      printf '%s' "$3" > "$2/deep/b.csv"; shift 3; "$@"; cat ${output}/b.csv`;
    const { command, args } = childCommand(bench, short, job);
    const { stdout } = await promisify(execFile)('unshare', [
      '-m',
      'sh',
      '-ec',
      inside,
      'sh',
      hidden,
      input,
      content,
      command,
      ...args,
    ]);
    return stdout;
  };

  it.runIf(canMount)('has its jobs where the engine sees nothing, and sends the inputs', async () => {
    const stdout = await run('nothing', bench.folder, 'hello');
    expect(stdout).toContain('"status":"succeeded"');
    expect(stdout).toMatch(/hello$/);
  });

  it.runIf(canMount)('has an input alone where the engine sees another, and sends it', async () => {
    const hidden = join(bench.folder, 'hidden');
    writeFiles(join(hidden, 'input'), { 'a.csv': 'other', 'deep/b.csv': 'other' });
    expect(await run('another', hidden, 'mine!')).toMatch(/mine!$/);
    expect(bench.log('another')).toBe('mine!');
  });

  it.runIf(canMount)('has a mount within an input that the engine does not see, and sends it', async () => {
    const outer = join(bench.folder, 'outer');
    writeFiles(join(outer, 'input'), { 'a.csv': 'outer' });
    writeFiles(join(outer, 'input/deep'), { 'b.csv': 'other' });
    const output = join(bench.folder, 'within', 'out');
    const job = shell(script, { inputs: { data: join(outer, 'input') }, outputs: { out: output } });
    const { command, args } = childCommand(bench, 'within', job);
    const inside = 'mount -t tmpfs none "$0"; printf inner > "$0/b.csv"; exec "$@"';
    await promisify(execFile)('unshare', [
      '-m',
      'sh',
      '-ec',
      inside,
      join(outer, 'input/deep'),
      command,
      ...args,
    ]);
    expect(readFileSync(join(output, 'b.csv'), 'utf8')).toBe('inner');
  });
});
