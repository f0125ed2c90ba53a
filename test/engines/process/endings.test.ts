import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  base,
  childrenOf,
  createBench,
  isolations,
  pause,
  prepareOnly,
  python,
  processesWith,
  projectRoot,
  pythonJob,
  shell,
  supervisorOf,
  trainingJob,
  waitUntil,
} from './fixtures.ts';

const onLinux = process.platform === 'linux';

/** A tree of processes that are hard to find: in sessions of their own, orphaned, deaf to SIGTERM, without descriptors. */
const wildTree = `
import os, signal, time
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.closerange(3, 4096)
            time.sleep(300)
        os._exit(0)
for _ in range(3): daemon()
if os.fork() == 0: time.sleep(300)
`;

describe.each(isolations)('the end of a job, isolation %s', (isolation) => {
  const bench = createBench(isolation);
  const mark = (name: string) => ({ MARK: `${isolation}-${name}-${process.pid}` });
  const marked = (name: string) => processesWith(`MARK=${mark(name).MARK}`);
  const ready = (name: string) =>
    waitUntil(`${name} is ready`, () => existsSync(join(bench.jobsDir, name, 'tmp/ready')));
  const started = async (name: string, script: string, parts = {}) => {
    await bench.start(name, pythonJob(script, { environment: mark(name), ...parts }));
    await ready(name);
  };
  /** Longer than any test: what ends before has not waited for it. */
  const endless = { graceSeconds: 900, maxRuntimeSeconds: 900 };
  const saysReady = "import os; open(os.environ['TMPDIR'] + '/ready', 'w').close()\n";

  it('does not wait for the grace when a job that obeys SIGTERM is stopped', async () => {
    await started('obeys', `${saysReady}import time; time.sleep(300)`, endless);
    await bench.stop('obeys');
    expect(await bench.ended('obeys')).toMatchObject({ status: 'stopped' });
    await bench.stop('obeys');
    expect(await bench.describe('obeys')).toMatchObject({ status: 'stopped' });
  });

  it('does not wait for it either when the stop comes around the start', async () => {
    for (let delay = 0; delay < 20; delay += 1) {
      const name = `at-once-${delay}`;
      await bench.start(name, pythonJob('import time; time.sleep(300)', endless));
      await pause(delay);
      await bench.stop(name);
      expect(await bench.ended(name)).toMatchObject({ status: 'stopped' });
    }
  });

  it('lets a job clean up at SIGTERM, and is stopped whatever its exit code', async () => {
    const clean = `
import os, signal, sys, time
def clean(*_):
    while not os.path.exists(os.environ['TMPDIR'] + '/go'): time.sleep(0.01)
    print('cleaned'); sys.exit(0)
signal.signal(signal.SIGTERM, clean)
`;
    await started('cleans', `${clean}${saysReady}time.sleep(300)`, endless);
    await bench.stop('cleans');
    expect(await bench.describe('cleans')).toMatchObject({ status: 'running', phase: 'stopping' });
    writeFileSync(join(bench.jobsDir, 'cleans/tmp/go'), '');
    expect(await bench.ended('cleans')).toMatchObject({ status: 'stopped', logTail: ['cleaned'] });
  });

  it('comes after the grace when the job ignores SIGTERM', async () => {
    const deaf = 'import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n';
    await started('deaf', `${deaf}${saysReady}time.sleep(300)`, { graceSeconds: 0.5 });
    const before = performance.now();
    await bench.stop('deaf');
    expect(await bench.ended('deaf')).toMatchObject({ status: 'stopped' });
    expect(performance.now() - before).toBeGreaterThan(480);
  });

  it.runIf(onLinux)('leaves nothing of the tree when it is stopped', async () => {
    await started('tree', `${wildTree}${saysReady}time.sleep(300)`, { graceSeconds: 0.2 });
    await waitUntil('all of it is there', () => marked('tree').length >= 5);
    await bench.stop('tree');
    expect(await bench.ended('tree')).toMatchObject({ status: 'stopped' });
    expect(marked('tree')).toEqual([]);
  });

  it.runIf(onLinux)('leaves no daemon when the job succeeds', async () => {
    await bench.start('daemons', pythonJob(wildTree, { environment: mark('daemons') }));
    expect(await bench.ended('daemons')).toMatchObject({ status: 'succeeded' });
    expect(marked('daemons')).toEqual([]);
  });

  it('comes at the maximum run time', async () => {
    const state = await bench.run('slow', shell('sleep 300', { maxRuntimeSeconds: 1 }));
    expect(state).toMatchObject({
      status: 'failed',
      code: 'JobTimedOut',
      reason: 'stopped after 1 s, its maximum run time',
    });
  });

  it('is that of the first cause', async () => {
    const deaf = 'import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n';
    // The stop must come before the maximum run time: where the machine is slow, with a longer one.
    for (const seconds of [1, 4, 16, 64]) {
      const name = `first-${seconds}`;
      await started(name, `${deaf}${saysReady}time.sleep(300)`, {
        maxRuntimeSeconds: seconds,
        graceSeconds: seconds,
      });
      await bench.stop(name);
      const asked = Date.now();
      const state = await bench.ended(name);
      if (state.status === 'running' || state.status === 'missing') throw new Error('unreachable');
      if (asked - Date.parse(state.startedAt) >= seconds * 1000) continue;
      expect(state).toMatchObject({ status: 'stopped' });
      return;
    }
    throw new Error('no stop was in time');
  });

  it('is stopped when somebody sends SIGTERM to the supervisor', async () => {
    await started('term', `${saysReady}import time; time.sleep(300)`);
    process.kill(supervisorOf(bench, 'term'), 'SIGTERM');
    expect(await bench.ended('term')).toMatchObject({ status: 'stopped' });
  });

  it('needs no worker: the supervisor keeps the maximum run time and the outputs by itself', async () => {
    const script = `
      import { spawn } from 'node:child_process';
      const [python, main, ...folders] = process.argv.slice(1);
      for (const folder of folders)
        spawn(python, ['-I', '-S', '-B', main, folder], { detached: true, stdio: 'ignore' }).unref();
      setInterval(() => {}, 1000);`;
    const out = join(bench.folder, 'orphan-out');
    const jobs = {
      'orphan-slow': shell('sleep 300', { maxRuntimeSeconds: 1 }),
      'orphan-good': shell(
        `until [ -e "$TMPDIR/go" ]; do sleep 0.05; done; echo x > ${base}/processing/output/out/x`,
        { outputs: { out } },
      ),
    };
    const folders = [];
    for (const [name, job] of Object.entries(jobs)) {
      await prepareOnly(isolation, bench.jobsDir, name, job);
      folders.push(join(bench.jobsDir, name));
    }
    const main = join(projectRoot, 'src/engines/process/supervisor/main.py');
    const worker = spawn(process.execPath, ['--input-type=module', '-e', script, python, main, ...folders]);
    await waitUntil('both are started', async () =>
      (await Promise.all(Object.keys(jobs).map((name) => bench.describe(name)))).every(
        ({ status }) => status !== 'missing',
      ),
    );
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    writeFileSync(join(bench.jobsDir, 'orphan-good/tmp/go'), '');
    expect(await bench.ended('orphan-slow')).toMatchObject({ code: 'JobTimedOut' });
    expect(await bench.ended('orphan-good')).toMatchObject({ status: 'succeeded' });
    expect(readFileSync(join(out, 'x'), 'utf8')).toBe('x\n');
  });

  it('is as stopped when the stop comes between making and starting it', async () => {
    const ledger = join(bench.folder, 'stop-ledger');
    const job = shell(`echo ran > ${ledger}`);
    await prepareOnly(isolation, bench.jobsDir, 'unstarted', job);
    expect(await bench.describe('unstarted')).toEqual({ status: 'missing' });
    await bench.stop('unstarted');
    await bench.start('unstarted', job);
    expect(await bench.ended('unstarted')).toMatchObject({ status: 'stopped' });
    expect(existsSync(ledger)).toBe(false);
  });

  it('can be asked for of a job that was never made', async () => {
    await bench.stop('never-made');
    expect(await bench.describe('never-made')).toEqual({ status: 'missing' });
  });

  describe.runIf(onLinux)('when its guards are killed', () => {
    it.each([0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 22, 30, 40, 60])(
      'the supervisor after %i ms',
      async (delay) => {
        const name = `kill-s-${delay}`;
        const ledger = join(bench.folder, `${name}-${isolation}`);
        writeFileSync(ledger, '');
        const job = pythonJob(
          `open(${JSON.stringify(ledger)}, 'a').write('start\\n')\n${wildTree}\ntime.sleep(300)`,
          { environment: mark(name) },
        );
        await bench.start(name, job);
        await pause(delay);
        process.kill(supervisorOf(bench, name), 'SIGKILL');
        await bench.start(name, job);
        expect(await bench.ended(name)).toMatchObject({ status: 'failed', code: 'JobLost' });
        await waitUntil('nothing is left', () => marked(name).length === 0);
        await bench.start(name, job);
        expect(await bench.describe(name)).toMatchObject({ code: 'JobLost' });
        expect(readFileSync(ledger, 'utf8')).toMatch(/^(start\n)?$/);
      },
    );

    it.each([0, 30, 100])('the first process after %i ms', async (delay) => {
      const name = `kill-i-${delay}`;
      await started(name, `${wildTree}${saysReady}time.sleep(300)`);
      await pause(delay);
      for (const pid of childrenOf(supervisorOf(bench, name))) process.kill(pid, 'SIGKILL');
      expect(await bench.ended(name)).toMatchObject({ status: 'failed', code: 'JobLost' });
      expect(marked(name)).toEqual([]);
    });

    it('both at once', async () => {
      await started('kill-both', `${saysReady}import time; time.sleep(300)`);
      const supervisor = supervisorOf(bench, 'kill-both');
      for (const pid of [supervisor, ...childrenOf(supervisor)]) process.kill(pid, 'SIGKILL');
      expect(await bench.ended('kill-both')).toMatchObject({ status: 'failed', code: 'JobLost' });
      await waitUntil('nothing is left', () => marked('kill-both').length === 0);
    });

    it('is not prevented by a job that stops its first process', async () => {
      await started('freeze', `${saysReady}import time; time.sleep(300)`, { graceSeconds: 0.1 });
      for (const pid of childrenOf(supervisorOf(bench, 'freeze'))) process.kill(pid, 'SIGSTOP');
      await bench.stop('freeze');
      expect(await bench.ended('freeze')).toMatchObject({ status: 'stopped' });
      expect(marked('freeze')).toEqual([]);
    });

    it('and what is left is stopped when somebody asks', async () => {
      const ignoring = 'import ctypes, time; ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n';
      await started('kill-stop', `${ignoring}${saysReady}time.sleep(300)`);
      const supervisor = supervisorOf(bench, 'kill-stop');
      for (const pid of [...childrenOf(supervisor), supervisor]) process.kill(pid, 'SIGKILL');
      await bench.stop('kill-stop');
      expect(await bench.ended('kill-stop')).toMatchObject({ code: 'JobLost' });
      expect(marked('kill-stop')).toEqual([]);
    });
  });

  describe('while a large model is stored', () => {
    const make = `import os
base = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')
with open(base + '/model/weights', 'wb') as file:
    for _ in range(300): file.write(os.urandom(1 << 20))`;
    const output = (name: string) => join(bench.folder, 'models', name, 'output');
    const storing = async (name: string) => {
      await bench.start(name, trainingJob(['python3', '-c', make], join(bench.folder, 'models')));
      await waitUntil('the archive grows', () => existsSync(join(bench.jobsDir, name, 'commit/0')));
    };

    it('kill -9 of the supervisor leaves no model', async () => {
      await storing('model-kill');
      process.kill(supervisorOf(bench, 'model-kill'), 'SIGKILL');
      expect(await bench.ended('model-kill')).toMatchObject({ code: 'JobLost' });
      expect(existsSync(output('model-kill'))).toBe(false);
    });

    it('a stop leaves no model', async () => {
      await storing('model-stop');
      await bench.stop('model-stop');
      expect(await bench.ended('model-stop')).toMatchObject({ status: 'stopped' });
      expect(existsSync(output('model-stop'))).toBe(false);
    });
  });

  it('is lost, not good, when the record of it is half written', async () => {
    await bench.run('half', shell('true'));
    const record = join(bench.jobsDir, 'half/exit.json');
    writeFileSync(record, readFileSync(record, 'utf8').slice(0, 20));
    expect(await bench.ended('half')).toMatchObject({ status: 'failed', code: 'JobLost' });
  });

  it('is told although the folder of jobs has moved', async () => {
    const own = createBench(isolation);
    await own.run('moved', shell('true'));
    const target = join(own.folder, 'elsewhere');
    mkdirSync(target);
    renameSync(own.jobsDir, join(target, 'jobs'));
    const other = createBench(isolation, { jobsDir: join(target, 'jobs') });
    expect(await other.describe('moved')).toMatchObject({ status: 'succeeded' });
  });
});
