import { existsSync, mkdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../src/cli/host/processes.ts';
import { createRoot, jsonFrom, type Command, type Root } from '../cli/fixtures.ts';
import { startServer, type Server } from '../support/stack.ts';
import { sleep, until } from '../support/until.ts';

let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

describe('sluice dev', () => {
  it.each([
    ['sluice dev', () => root.dev()],
    [
      'the server of a run',
      async () => {
        const run = root.start(['run', root.pipeline({ train: 'sleep 300' })]);
        await until(() => root.ledgerLines().includes('train'));
        return run;
      },
    ],
  ])('takes %s over that was suspended, which then leaves everything to it', async (_, startFirst) => {
    await startFirst();
    const first = root.host()!;
    process.kill(first.pid, 'SIGSTOP');
    // As after the 15 s in which its holder has not renewed it.
    const old = new Date(Date.now() - 20_000);
    utimesSync(join(root.home, 'dev/lock'), old, old);
    const second = await (async () => {
      const dev = root.start(['dev']);
      await until(() => ![undefined, first.pid].includes(root.host()?.pid));
      return dev;
    })();
    const state = () => ({
      lock: statSync(join(root.home, 'dev/lock')).ino,
      files: ['holder', 'server.json', 'temporal.pid'].map((name) =>
        readFileSync(join(root.home, 'dev', name), 'utf8'),
      ),
    });
    const before = state();
    process.kill(first.pid, 'SIGCONT');
    await until(() => !isAlive(first.pid));
    expect(state()).toEqual(before);
    // Longer than the second one takes to renew the lock, and to find out that it is gone.
    await sleep(4000);
    expect(state()).toEqual(before);
    expect(root.host()).toMatchObject({ pid: second.pid, lasting: true });
    const run = await root.sluice('run', root.pipeline(), '--json');
    expect(run.code, run.stderr).toBe(0);
    second.signal('SIGTERM');
    expect(await second.ended).toMatchObject({ code: 0 });
  });
});

describe('sluice doctor', () => {
  it('says which configured server does not answer', async () => {
    const { ended } = root.start(['doctor'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const { code, stdout } = await ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^failure +Temporal server .*127\.0\.0\.1:1/m);
  });
});

describe('a configured server', () => {
  let server: Server;
  let folder: Root;
  beforeAll(async () => {
    folder = createRoot();
    server = await startServer({ dbFile: join(folder.path, 'temporal.db') });
  });
  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });
  const ask = (...args: string[]) => root.start(args, { TEMPORAL_ADDRESS: server.address }).ended;

  it('that no worker polls is named as such, and the run waits', async () => {
    const env = { TEMPORAL_ADDRESS: server.address };
    const run = root.start(['run', root.pipeline(), '--workflow-id', 'waiting'], env);
    await until(() => run.stderr().includes('No worker polls the queue sluice at'));
    const status = await ask('status', 'waiting', '--json');
    expect(status.stderr).toContain('no worker has it');
    expect(jsonFrom(status)).toMatchObject({ outcome: 'running' });
    run.signal('SIGINT');
    expect(await run.ended).toMatchObject({ code: 130, stdout: '' });
    expect((await ask('doctor')).stdout).toMatch(/^failure +workers +none polls/m);
    expect(root.host()).toBeNull();
  });

  it('that does not answer leaves the jobs alone, and old temporary files go all the same', async () => {
    expect(await root.sluice('run', root.pipeline(), '--json')).toMatchObject({ code: 0 });
    const stale = join(root.home, 'storage/uploads/.half');
    mkdirSync(stale);
    utimesSync(stale, 0, 0);
    const { ended } = root.start(['clean'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const { code, stdout, stderr } = await ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: `remove ${stale}\n` });
    expect(stderr).toContain('No job is touched');
    expect(existsSync(stale)).toBe(false);
  });
});

describe('kill -9', () => {
  const training = (seconds: number) =>
    root.pipeline({ train: `sleep ${seconds}; echo a model > "$base/model/m.txt"` });
  const temporalPid = () => Number(readFileSync(join(root.home, 'dev/temporal.pid'), 'utf8'));
  /** A run that goes on when it is in mid-training. */
  const startTraining = async (file: string) => {
    const run = root.start(['run', file, '--json', '--workflow-id', 'hit']);
    await until(() => root.ledgerLines().includes('train'));
    return run;
  };
  const expectAccepted = async (run: Command) => {
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(jsonFrom(ended)).toMatchObject({ outcome: 'accepted' });
    expect(root.ledgerLines()).toEqual(['preprocess', 'train', 'evaluate']);
  };

  it.each([
    ['worker and server of a run', () => root.host()!.pid],
    ['the Temporal server of a run', temporalPid],
  ])('of %s costs some seconds and no job', async (_, pid) => {
    const run = await startTraining(training(3));
    process.kill(pid(), 'SIGKILL');
    await expectAccepted(run);
    await root.hostGone();
  });

  it('of the Temporal server of `sluice dev` ends that, which says so; the next one goes on with the run', async () => {
    const dev = await root.dev();
    const run = await startTraining(training(20));
    process.kill(temporalPid(), 'SIGKILL');
    const ended = await dev.ended;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^error: The Temporal server ended by itself; its log: .*temporal\.log$/m);
    const next = await root.dev();
    await expectAccepted(run);
    next.signal('SIGTERM');
    expect(await next.ended).toMatchObject({ code: 0 });
  });
});
