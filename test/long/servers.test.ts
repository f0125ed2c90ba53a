import { existsSync, mkdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../src/cli/host/processes.ts';
import { createRoot, jsonFrom, type Root } from '../cli/fixtures.ts';
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

describe('kill -9 of the server of a run', () => {
  it('costs some seconds and no job', async () => {
    const file = root.pipeline({ train: 'sleep 3; echo a model > "$base/model/m.txt"' });
    const run = root.start(['run', file, '--json']);
    await until(() => root.ledgerLines().includes('train'));
    process.kill(root.host()!.pid, 'SIGKILL');
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(jsonFrom(ended)).toMatchObject({ outcome: 'accepted' });
    expect(root.ledgerLines()).toEqual(['preprocess', 'train', 'evaluate']);
    await root.hostGone();
  });
});
