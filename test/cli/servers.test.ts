import { mkdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAlive, listensOn } from '../../src/cli/host/processes.ts';
import { startServer, type Server } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { createRoot, held, jsonFrom, type Root } from './fixtures.ts';

let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

it('gives a server the name of a user that has none, as one in a container may', async () => {
  vi.stubEnv('USER', undefined);
  await root.dev().finally(() => vi.unstubAllEnvs());
  const pid = readFileSync(join(root.home, 'dev/temporal.pid'), 'utf8').trim();
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')).toContain('USER=sluice');
});

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

describe('a run that asks for its jobs to be run in another way', () => {
  const model = 'echo a model > "$base/model/m.txt"';
  const tellsBase = { train: `echo "in $base" >> "$LEDGER"; ${model}` };
  const none = { SLUICE_PROCESS_ISOLATION: 'none' };
  const places = () => root.ledgerLines().filter((line) => line.startsWith('in '));

  it('does not join the server of one that has just ended', async () => {
    const file = root.pipeline(tellsBase);
    expect(await root.sluice('run', file)).toMatchObject({ code: 0 });
    const { code, stderr } = await root.start(['run', file], none).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('starting a server and a worker');
    expect(places()[1]).toContain(root.home);
  });

  it('is refused while another one is under way, which can be cancelled all the same', async () => {
    const first = root.start([
      'run',
      root.pipeline({ train: `${held}; ${model}` }),
      '--workflow-id',
      'first',
    ]);
    await until(() => root.ledgerLines().includes('train'));
    const refused = await root.start(['run', root.pipeline(tellsBase), '--json'], none).ended;
    expect(refused.code).toBe(1);
    expect(jsonFrom(refused)).toMatchObject({
      workflowId: null,
      failure: {
        code: 'ServiceUnavailable',
        message: expect.stringMatching(/SLUICE_PROCESS_ISOLATION=auto \(here: none\); wait until/),
      },
    });
    expect(await root.start(['cancel', 'first'], none).ended).toMatchObject({ code: 0 });
    expect(await first.ended).toMatchObject({ code: 130 });
    expect(places()).toEqual([]);
  });

  it('is told how jobs are run by the `sluice dev` that it joins', async () => {
    await root.dev();
    const { code, stderr } = await root.start(['run', root.pipeline(tellsBase)], none).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(
      'as its worker was told when it started: SLUICE_PROCESS_ISOLATION=auto (here: none)',
    );
    expect(await root.sluice('run', root.pipeline())).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('was told when it started'),
    });
  });
});

describe('sluice dev', () => {
  it('waits for the server of a run that has just ended', async () => {
    const run = root.start(['run', root.pipeline(), '--json']);
    await until(() => root.host() !== null);
    expect(root.host()).toMatchObject({ lasting: false });
    expect(await run.ended).toMatchObject({ code: 0 });
    const dev = await root.dev();
    dev.signal('SIGTERM');
    expect(await dev.ended).toMatchObject({ code: 0 });
  });

  it('may end and be started again under a run that is followed', async () => {
    const first = await root.dev();
    const file = root.pipeline({ train: `${held}; echo a model > "$base/model/m.txt"` });
    const run = root.start(['run', file, '--json']);
    await until(() => root.ledgerLines().includes('train'));
    first.signal('SIGINT');
    expect(await first.ended).toMatchObject({ code: 0 });
    const second = await root.dev();
    root.letGo();
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

  it('that answers has no say about jobs of runs that it does not know', async () => {
    expect(await root.sluice('run', root.pipeline(), '--json')).toMatchObject({ code: 0 });
    const kept = await ask('clean');
    expect(kept).toMatchObject({ code: 0, stdout: '' });
    expect(kept.stderr).toMatch(/^3 jobs are kept.*--unknown/m);
    const removed = await ask('clean', '--unknown');
    expect(removed.stdout.match(/^remove /gm)).toHaveLength(3);
  });
});
