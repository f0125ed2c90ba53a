import { existsSync, mkdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isAlive, listensOn } from '../../src/cli/host/processes.ts';
import { startServer, type Server } from '../support/stack.ts';
import { sleep, until } from '../support/until.ts';
import { createRoot, jsonFrom, type Root } from './fixtures.ts';

let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

describe('the ports of a server', () => {
  it('are those of its own, when two of different folders start at once', async () => {
    const other = createRoot();
    try {
      const ended = await Promise.all(
        [root, other].map((one) => one.sluice('run', one.pipeline(), '--json')),
      );
      expect(ended.map(({ code, stderr }) => [code, code === 0 ? '' : stderr])).toEqual([
        [0, ''],
        [0, ''],
      ]);
      expect(jsonFrom(ended[0]!).workflowId).not.toBe(jsonFrom(ended[1]!).workflowId);
    } finally {
      await other.remove();
    }
  });

  it('are told by the process that listens on them', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(listensOn(process.pid, port)).toBe(true);
    expect(listensOn(process.ppid, port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(listensOn(process.pid, port)).toBe(false);
  });
});

describe('sluice dev', () => {
  it('waits for the server of a run that has just ended', async () => {
    expect(await root.sluice('run', root.pipeline(), '--json')).toMatchObject({ code: 0 });
    expect(root.host()).toMatchObject({ lasting: false });
    const dev = await root.dev();
    dev.signal('SIGTERM');
    expect(await dev.ended).toMatchObject({ code: 0 });
  });

  it('may end and be started again under a run that is followed', async () => {
    const first = await root.dev();
    const file = root.pipeline({ train: 'sleep 4; echo a model > "$base/model/m.txt"' });
    const run = root.start(['run', file, '--json']);
    await until(() => root.ledgerLines().includes('train'));
    first.signal('SIGINT');
    expect(await first.ended).toMatchObject({ code: 0 });
    const second = await root.dev();
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('does not answer');
    expect(jsonFrom(ended)).toMatchObject({ outcome: 'accepted' });
    expect(root.ledgerLines()).toEqual(['preprocess', 'train', 'evaluate']);
    second.signal('SIGINT');
    expect(await second.ended).toMatchObject({ code: 0 });
  });

  it('leaves no Temporal server behind when it is killed', async () => {
    const dev = await root.dev();
    const pid = Number(readFileSync(join(root.home, 'dev/temporal.pid'), 'utf8'));
    expect(isAlive(pid)).toBe(true);
    dev.signal('SIGKILL');
    await dev.ended;
    await until(() => !isAlive(pid));
  });

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

  it('ends a recorded server on its database before it starts its own, and no other process', async () => {
    mkdirSync(join(root.home, 'dev'), { recursive: true });
    const stray = await startServer({ dbFile: join(root.home, 'dev/temporal.db') });
    root.write('.sluice/dev/temporal.pid', `${stray.pid}`);
    const dev = await root.dev();
    await until(() => !isAlive(stray.pid));
    dev.signal('SIGTERM');
    expect(await dev.ended).toMatchObject({ code: 0 });

    // The id of a process that is something else by now.
    root.write('.sluice/dev/temporal.pid', `${process.pid}`);
    const again = await root.dev();
    again.signal('SIGTERM');
    expect(await again.ended).toMatchObject({ code: 0 });
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
    expect((await ask('doctor')).stdout).toMatch(/^missing +worker +none polls/m);
    expect(root.host()).toBeNull();
  });

  it('that answers has no say about jobs of runs that it does not know', async () => {
    expect(await root.sluice('run', root.pipeline(), '--json')).toMatchObject({ code: 0 });
    const kept = await ask('clean');
    expect(kept).toMatchObject({ code: 0, stdout: '' });
    expect(kept.stderr).toMatch(/^3 jobs are kept.*--unknown/m);
    const removed = await ask('clean', '--unknown');
    expect(removed.stdout.match(/^remove /gm)).toHaveLength(3);
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
