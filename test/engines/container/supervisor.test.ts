import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeSchema, type Outcome } from '../../../src/engines/container/outcome.ts';
import { frame, send, startFakeDocker, type FakeDocker } from '../../support/fake-docker.ts';
import { folderPerTest } from '../../support/folders.ts';
import { until } from '../../support/until.ts';
import { projectRoot, python } from '../process/fixtures.ts';

const folder = folderPerTest();
const supervisors: ChildProcess[] = [];
let engine: FakeDocker;
let job: string;

beforeEach(async () => {
  engine = await startFakeDocker(folder());
  job = join(folder(), 'job');
  await mkdir(job);
});
afterEach(async () => {
  await Promise.all(supervisors.splice(0).map(kill));
  await engine.close();
});

const programs = ['container/supervisor', 'local/python'].map((name) =>
  join(projectRoot, 'src/engines', name),
);

interface Plan {
  /** Roles by names; their order is that of the starts. */
  containers?: Record<string, 'main' | 'service'>;
  prefix?: string;
  maxRuntimeSeconds?: number;
  stopGraceSeconds?: number;
  /** Constants of `job.py` by their names, for what takes an hour. */
  constants?: Record<string, number>;
}

/** Starts the real supervisor over the job's folder. */
async function supervise({ containers = { one: 'main' }, prefix = '', constants = {}, ...plan }: Plan = {}) {
  await writeFile(
    join(job, 'containers.json'),
    JSON.stringify({
      address: { kind: 'socket', path: engine.socketPath },
      label: 'sluice.job=one',
      maxRuntimeSeconds: plan.maxRuntimeSeconds ?? 300,
      stopGraceSeconds: plan.stopGraceSeconds ?? 300,
      containers: Object.entries(containers).map(([name, role]) => ({ name, role, prefix })),
    }),
  );
  const script = [
    `import sys; sys.path[:0] = ${JSON.stringify(programs)}`,
    'import job',
    ...Object.entries(constants).map(([name, value]) => `assert job.${name}; job.${name} = ${value}`),
    `from supervise import supervise; supervise(${JSON.stringify(job)})`,
  ];
  const child = spawn(python, ['-I', '-S', '-B', '-c', script.join('\n')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  supervisors.push(child);
  child.stdout.resume();
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

const read = (name: string) => (existsSync(join(job, name)) ? readFileSync(join(job, name), 'utf8') : '');

async function outcome(): Promise<Outcome> {
  await until(() => read('outcome.json') !== '');
  return outcomeSchema.parse(JSON.parse(read('outcome.json')));
}

const isRunning = (name = 'one') => until(() => engine.containers.get(name)?.status === 'running');
const isListenedTo = () => until(() => engine.asked.some(({ call }) => call === 'logs'));

describe('exit code 0', () => {
  it('is good when the engine told of the end and of no signal', async () => {
    engine.add('one');
    await supervise();
    await isRunning();
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: null, containers: [{ status: 'exited', exitCode: 0 }] });
  });

  it('is not when nobody saw the end and the engine does not know of it any more', async () => {
    engine.add('one', { status: 'exited' });
    await supervise({ constants: { HEAR_SECONDS: 1 } });
    expect(await outcome()).toMatchObject({ cause: 'interrupted' });
  });

  it('is when nobody saw the end and the engine still knows of it', async () => {
    engine.add('one', { status: 'exited' });
    engine.tell('die', 'one');
    await supervise();
    expect(await outcome()).toMatchObject({ cause: null });
  });

  it('is not when it came while the engine was away', async () => {
    engine.add('one');
    await supervise({ constants: { HEAR_SECONDS: 1, SILENT_LOG_SECONDS: 1 } });
    await isRunning();
    await isListenedTo();
    engine.instead.set('json', (response) => send(response, 503, { message: 'shutting down' }));
    engine.forget();
    await until(() => read('engine-away') === '' && existsSync(join(job, 'engine-away')));
    engine.containers.get('one')!.status = 'exited';
    engine.instead.delete('json');
    expect(await outcome()).toMatchObject({ cause: 'interrupted' });
    expect(existsSync(join(job, 'engine-away'))).toBe(false);
  });

  it('is not when a supervisor before heard of a signal, and the engine forgot it', async () => {
    engine.add('one');
    const first = await supervise();
    await isRunning();
    engine.tell('kill', 'one', { signal: '15' });
    await until(() => read('signals').includes('others'));
    await kill(first);
    engine.forget();
    await supervise();
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: 'stoppedByOthers' });
  });

  it('is heard of though the stream of events died without a word', async () => {
    engine.add('one');
    const streams: unknown[] = [];
    engine.instead.set('events', (response) => {
      response.flushHeaders();
      streams.push(response);
    });
    await supervise({ constants: { LOOK_SECONDS: 0.2 } });
    await isRunning();
    await until(() => streams.length > 0);
    engine.instead.delete('events');
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: null });
  });

  it('is good of an engine that never tells anything, if it was there all the time', async () => {
    engine.add('one');
    engine.instead.set('events', (response) => response.end());
    await supervise({ constants: { HEAR_SECONDS: 1 } });
    await isRunning();
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: null });
  });
});

describe('a supervisor', () => {
  it('asks for events without any clock: that of the engine may be another', async () => {
    engine.add('one');
    await supervise();
    await isRunning();
    engine.end('one', 0);
    await outcome();
    const events = engine.asked.filter(({ call }) => call === 'events');
    expect(events.map(({ query }) => query.get('until'))).toEqual(events.map(() => null));
    expect(new Set(events.map(({ query }) => query.get('since')))).toEqual(new Set(['1']));
  });

  it('that takes over knows which containers the one before had stopped', async () => {
    engine.add('one');
    engine.add('two');
    const containers = { one: 'main', two: 'main' } as const;
    engine.instead.set('kill', (response) => send(response, 204));
    const first = await supervise({ containers });
    await isRunning('two');
    engine.end('one', 3);
    await until(() => read('signals').includes('ours 15 two'));
    await kill(first);
    engine.instead.delete('kill');
    engine.end('two', 143);
    await supervise({ containers });
    expect(await outcome()).toMatchObject({
      cause: null,
      containers: [
        { name: 'one', signalled: false },
        { name: 'two', signalled: true },
      ],
    });
  });

  it('tries a start again that an engine refuses because it is not ready', async () => {
    engine.add('one');
    let refusals = 0;
    engine.instead.set('start', (response) => {
      refusals += 1;
      if (refusals === 2) engine.instead.delete('start');
      send(response, 503, { message: 'not ready' });
    });
    await supervise();
    await isRunning();
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: null, containers: [{ error: null, exitCode: 0 }] });
    expect(engine.containers.get('one')!.starts).toBe(1);
  });

  it('starts what was not started because the supervisor before was killed: Docker 26 gives such a start up', async () => {
    engine.add('server', { error: 'context canceled', exitCode: 128 });
    engine.add('one');
    await supervise({ containers: { server: 'service', one: 'main' } });
    await isRunning();
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: null, containers: [{ error: null }, { exitCode: 0 }] });
    expect(engine.containers.get('server')!.starts).toBe(1);
  });

  it('that takes over does not ask for a start again that was refused: others were stopped for it', async () => {
    engine.add('one', { status: 'running' });
    engine.add('two');
    const containers = { one: 'main', two: 'main' } as const;
    engine.instead.set('start', (response) => send(response, 400, { message: 'no such command' }));
    engine.instead.set('kill', (response) => send(response, 204));
    const first = await supervise({ containers });
    await until(() => read('signals').includes('ours 15 one'));
    await kill(first);
    engine.instead.clear();
    await supervise({ containers });
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({
      containers: [{ signalled: true }, { error: 'no such command', status: 'created' }],
    });
    expect(engine.containers.get('two')!.starts).toBe(0);
  });

  it('hears that a job ran out of memory, though the engine tells so after its end and does not write it down', async () => {
    engine.add('one');
    await supervise();
    await isRunning();
    engine.end('one', 137);
    setTimeout(() => engine.tell('oom', 'one'), 100);
    expect(await outcome()).toMatchObject({ cause: null, containers: [{ outOfMemory: true }] });
  });

  it('tells a start apart that is refused because something is gone', async () => {
    engine.add('one');
    engine.instead.set('start', (response) => send(response, 404, { message: 'network x not found' }));
    await supervise();
    expect(await outcome()).toMatchObject({ containers: [{ error: 'network x not found', missing: true }] });
  });

  it('gives an engine up that stays away when the job is asked to stop', async () => {
    engine.add('one');
    await supervise({ constants: { PATIENCE_SECONDS: 1 } });
    await isListenedTo();
    await engine.close();
    await until(() => existsSync(join(job, 'engine-away')));
    await writeFile(join(job, 'stop'), '');
    expect(await outcome()).toMatchObject({ cause: 'unreachable', containers: [{ status: 'gone' }] });
  });

  it('does not wait for ever for a log of which nothing more comes', async () => {
    engine.add('one', { log: ['first', 'last'] });
    engine.instead.set('logs', (response) => {
      response.flushHeaders();
      response.write(frame('first'));
    });
    await supervise({ constants: { SILENT_LOG_SECONDS: 1 } });
    await isRunning();
    await until(() => read('log.txt').includes('first'));
    engine.instead.delete('logs');
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: null });
    expect(read('log.txt')).toBe('first\nlast\n');
  });

  it('gives up a log that never comes', async () => {
    engine.add('one', { log: ['last'] });
    engine.instead.set('logs', (response) => response.flushHeaders());
    await supervise({ constants: { SILENT_LOG_SECONDS: 1, LOST_LOG_SECONDS: 3 } });
    await isRunning();
    engine.end('one', 0);
    expect(await outcome()).toMatchObject({ cause: null });
    expect(read('log.txt')).toContain('sluice: the log ends here: the engine does not hand over the rest');
  });

  it('breaks a line that has no end, of several containers', async () => {
    engine.add('one', { log: ['x'.repeat(300_000)] });
    engine.instead.set('logs', (response) => {
      response.flushHeaders();
      for (let part = 0; part < 200; part += 1) response.write(unended('x'.repeat(16_000)));
    });
    await supervise({ prefix: 'algo-1: ' });
    await isRunning();
    await until(() => read('log.txt').length > 3_000_000);
    expect(
      Math.max(
        ...read('log.txt')
          .split('\n')
          .map(({ length }) => length),
      ),
    ).toBeLessThan(1_500_000);
  });

  it('calls a job interrupted whose record of its start was cut by a loss of power', async () => {
    engine.add('one', { status: 'exited' });
    engine.tell('die', 'one');
    await writeFile(join(job, 'started.json'), '');
    await supervise();
    expect(await outcome()).toMatchObject({ cause: 'interrupted' });
  });

  it('starts nothing that was started, though its own record of that is gone', async () => {
    const one = engine.add('one');
    const first = await supervise();
    await isRunning();
    await kill(first);
    await rm(join(job, 'started.json'));
    await supervise();
    await until(() => read('started.json') !== '');
    engine.end('one', 0);
    await outcome();
    expect(one.starts).toBe(1);
  });
});

/** A part of a line. */
function unended(text: string): Buffer {
  const whole = frame(text);
  const cut = whole.subarray(0, -1);
  cut.writeUInt32BE(cut.length - 8, 4);
  return cut;
}
