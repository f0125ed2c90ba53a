import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeDocker, dockerDo } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import {
  createBench,
  fakePython,
  docker,
  jobName,
  processing,
  python,
  pythonJob,
  shell,
  training,
  type JobParts,
} from './fixtures.ts';

describeDocker('the end of a container job', () => {
  const bench = createBench();
  const sleeps = 'import time; print("ready"); time.sleep(300)';
  const deaf =
    'import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print("ready"); time.sleep(300)';
  const heeds =
    'import signal,sys,time; signal.signal(15, lambda *_: (print("cleaned"), sys.exit(0))); print("ready"); time.sleep(300)';
  const running = async (name: string, script: string, parts: JobParts = {}) => {
    await bench.start(name, pythonJob(script, parts));
    await bench.says(name, 'ready');
  };
  const seconds = async (work: () => Promise<unknown>) => {
    const before = performance.now();
    await work();
    return (performance.now() - before) / 1000;
  };

  it.concurrent.each([
    ['exit 1', 1, 'exit code 1'],
    ['exit 2', 2, 'exit code 2'],
    ['exit 126', 126, 'exit code 126: the command cannot be executed'],
    ['exit 130', 130, 'exit code 130: killed by SIGINT'],
    ['exit 137', 137, 'exit code 137: killed by SIGKILL, perhaps for want of memory'],
    ['exit 139', 139, 'exit code 139: killed by SIGSEGV'],
    ['exit 143', 143, 'exit code 143: killed by SIGTERM'],
    ['exit 255', 255, 'exit code 255'],
    ['no-such-command', 127, 'exit code 127: the command was not found'],
    ['sh -c "kill -9 \\$\\$"; exit $?', 137, 'exit code 137: killed by SIGKILL, perhaps for want of memory'],
  ])('fails by `%s`', async (script, exitCode, reason) => {
    const name = jobName(`end-${script.replace(/\W+/g, '-').replace(/-$/, '')}`);
    expect(await bench.run(name, shell(script))).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      exitCode,
      reason,
    });
  });

  it('succeeds by exit code 0 alone', async () => {
    const state = await bench.run(jobName('good'), shell('echo one; echo two >&2'));
    expect(state).toMatchObject({ status: 'succeeded', exitMessage: null, records: null });
    expect(state).toMatchObject({ logTail: expect.arrayContaining(['one', 'two']) as string[] });
  });

  it('fails by SIGSEGV of the first process itself', async () => {
    const crash = 'import ctypes; ctypes.string_at(0)';
    expect(await bench.run(jobName('segv'), pythonJob(crash))).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      exitCode: 139,
      reason: 'exit code 139: killed by SIGSEGV',
    });
  });

  it.each([
    ['there is no such command', ['no-such-command'], 'no-such-command'],
    ['it may not be executed', ['/etc/passwd'], 'permission denied'],
    ['it is a folder', ['/etc'], '/etc'],
  ])('fails before the start when %s, and says why', async (what, command, why) => {
    const name = jobName(what.replaceAll(' ', '-'));
    const state = await bench.run(name, processing(command));
    expect(state).toMatchObject({ status: 'failed', code: 'JobFailed' });
    expect((state as { reason: string }).reason).toMatch(/could not be started/);
    expect((state as { reason: string }).reason).toContain(why);
  });

  it('is refused when neither image nor request has a command', async () => {
    const made = await dockerDo('POST', '/images/create?fromSrc=-&repo=sluice-test-empty', emptyTar);
    const image = (JSON.parse(made.text().trim().split('\n').at(-1)!) as { status: string }).status;
    try {
      const name = jobName('no-command');
      const job = processing([], { image, entrypoint: null });
      await expect(bench.start(name, job)).rejects.toMatchObject({
        code: 'EngineUnavailable',
        retryable: false,
      });
      await bench.stop(name);
      expect(await bench.describe(name)).toMatchObject({ status: 'stopped' });
    } finally {
      await dockerDo('DELETE', `/images/${image}`);
    }
  });

  it('for want of memory is told apart from a kill', async () => {
    const greedy = 'print("ready")\nx = []\nwhile True: x.append(bytes(10 << 20))';
    const local = { memoryGb: 0.1 };
    const state = await bench.run(jobName('oom'), pythonJob(greedy, { local }));
    expect(state).toMatchObject({
      status: 'failed',
      exitCode: 137,
      reason: 'exit code 137: killed by SIGKILL; the kernel was out of memory and killed a process',
    });
    await running(jobName('no-oom'), sleeps, { local });
    docker('kill', jobName('no-oom'));
    expect(await bench.ended(jobName('no-oom'))).toMatchObject({ status: 'stopped' });
  });

  it('takes its reason from the failure file, up to 1,024 characters', async () => {
    const script = 'open("/opt/ml/output/failure","w").write("ü"*3000); exit(3)';
    expect(await bench.run(jobName('failure'), pythonJob(script))).toMatchObject({
      status: 'failed',
      exitCode: 3,
      reason: `${'ü'.repeat(1024)} (exit code 3)`,
    });
  });

  it('bears a failure file that is no text, or no file', async () => {
    const bad = await bench.run(
      jobName('failure-bytes'),
      shell("printf 'a\\377b' > /opt/ml/output/failure; exit 1"),
    );
    expect(bad).toMatchObject({ status: 'failed', reason: 'a\ufffdb (exit code 1)' });
    const folder = await bench.run(jobName('failure-folder'), shell('mkdir /opt/ml/output/failure; exit 1'));
    expect(folder).toMatchObject({ status: 'failed', reason: 'exit code 1' });
    const link = await bench.run(
      jobName('failure-link'),
      shell('ln -s /etc/hostname /opt/ml/output/failure; ln -s failure /opt/ml/output/message; exit 1'),
    );
    expect(link).toMatchObject({ status: 'failed', reason: 'exit code 1' });
  });

  it('hands over the first kilobyte of the message, and fails when it is not UTF-8', async () => {
    const long = shell("head -c 5000 /dev/zero | tr '\\0' m > /opt/ml/output/message");
    expect(await bench.run(jobName('message'), long)).toMatchObject({
      status: 'succeeded',
      exitMessage: 'm'.repeat(1024),
    });
    const bad = shell("printf 'a\\377b' > /opt/ml/output/message");
    expect(await bench.run(jobName('bad-message'), bad)).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      reason: '/opt/ml/output/message is not UTF-8',
    });
  });

  it('comes at the maximum run time', async () => {
    const job = pythonJob(sleeps, { local: { maxRuntimeSeconds: 1, stopGraceSeconds: 0.5 } });
    expect(await bench.run(jobName('slow'), job)).toMatchObject({
      status: 'failed',
      code: 'JobTimedOut',
      reason: 'stopped after 1 s, its maximum run time',
    });
  });

  it('comes at the maximum run time although there is no worker any more', async () => {
    const name = jobName('orphan-slow');
    const folder = join(bench.jobsDir, name);
    const unstarted = createBench({ folder: bench.folder, supervisorPython: fakePython('exit 1') });
    const job = shell('sleep 300', { local: { maxRuntimeSeconds: 1, stopGraceSeconds: 0.3 } });
    await expect(unstarted.start(name, job)).rejects.toMatchObject({ code: 'EngineUnavailable' });
    const script = `
      import { spawn } from 'node:child_process';
      const [python, ...args] = process.argv.slice(1);
      spawn(python, ['-I', '-S', '-B', ...args], { detached: true, stdio: 'ignore' }).unref();
      setInterval(() => {}, 1000);`;
    const main = fileURLToPath(new URL('../../../src/engines/container/supervisor/main.py', import.meta.url));
    const worker = spawn(process.execPath, ['--input-type=module', '-e', script, python, main, folder]);
    await until(() => existsSync(join(folder, 'started.json')));
    worker.kill('SIGKILL');
    await until(() => existsSync(join(folder, 'outcome.json')));
    expect(docker('inspect', '-f', '{{.State.Status}}', name).trim()).toBe('exited');
    expect(await bench.ended(name)).toMatchObject({ status: 'failed', code: 'JobTimedOut' });
  });

  it('does not wait for the grace when a job that obeys SIGTERM is stopped, whatever its exit code', async () => {
    const name = jobName('heeds');
    await running(name, heeds, { local: { stopGraceSeconds: 600 } });
    await bench.stop(name);
    expect(await bench.ended(name)).toMatchObject({ status: 'stopped', logTail: ['ready', 'cleaned'] });
    await bench.stop(name);
    expect(await bench.describe(name)).toMatchObject({ status: 'stopped' });
  });

  it.each([0, 0.4])('comes after a grace of %d s when the job ignores SIGTERM', async (stopGraceSeconds) => {
    const name = jobName(`deaf-${stopGraceSeconds * 10}`);
    await running(name, deaf, { local: { stopGraceSeconds } });
    const took = await seconds(async () => {
      await bench.stop(name);
      await bench.stop(name);
      expect(await bench.ended(name)).toMatchObject({ status: 'stopped' });
    });
    expect(took).toBeGreaterThan(stopGraceSeconds);
  });

  it('is that of the first cause', async () => {
    // The stop must come before the maximum run time: where the machine is slow, with a longer one.
    for (const seconds of [2, 8, 32]) {
      const name = jobName(`first-cause-${seconds}`);
      await running(name, deaf, { local: { stopGraceSeconds: seconds, maxRuntimeSeconds: seconds } });
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

  it.each([
    ['docker stop', ['stop', '-t', '1'], sleeps, { status: 'stopped' }],
    ['docker stop, obeyed with exit code 0', ['stop'], heeds, { status: 'stopped' }],
    ['docker kill', ['kill'], sleeps, { status: 'stopped' }],
  ])('is never good by %s', async (what, args, script, expected) => {
    const name = jobName(what.replace(/\W+/g, '-'));
    await running(name, script);
    docker(...args, name);
    expect(await bench.ended(name)).toMatchObject(expected);
  });

  it('is never good by docker rm -f', async () => {
    const name = jobName('docker-rm-f');
    await running(name, sleeps);
    docker('rm', '-f', name);
    const state = await bench.ended(name);
    // The engine kills it first; a look in between finds it killed, a later one finds it gone.
    if (state.status === 'stopped') return;
    const reason = 'its container was removed while it ran';
    expect(state).toMatchObject({ status: 'failed', code: 'JobLost', reason });
  });

  it('can be had of a paused container, too', async () => {
    const name = jobName('paused');
    await running(name, sleeps, { local: { stopGraceSeconds: 1 } });
    docker('pause', name);
    expect(await bench.describe(name)).toMatchObject({ status: 'running' });
    await bench.stop(name);
    expect(await bench.ended(name)).toMatchObject({ status: 'stopped' });
  });

  it('is as stopped when the stop comes before the job is made', async () => {
    await bench.stop(jobName('never'));
    expect(await bench.describe(jobName('never'))).toEqual({ status: 'missing' });
    const name = jobName('stop-first');
    const aborted = new AbortController();
    aborted.abort(new Error('cancelled'));
    await expect(bench.start(name, pythonJob(sleeps), aborted.signal)).rejects.toThrow('cancelled');
    expect(await bench.describe(name)).toEqual({ status: 'missing' });
  });

  it('is as stopped when the stop comes while inputs are sent, and nothing runs', async () => {
    const name = jobName('stop-populate');
    const cancel = new AbortController();
    const worker = createBench({
      folder: bench.folder,
      wrap: (client) => ({
        ...client,
        putArchive: (...args) => {
          cancel.abort(new Error('cancelled'));
          return client.putArchive(...args);
        },
      }),
    });
    const job = shell('echo ran');
    await expect(worker.start(name, job, cancel.signal)).rejects.toThrow('cancelled');
    await bench.stop(name);
    expect(await bench.describe(name)).toMatchObject({ status: 'stopped' });
    await bench.start(name, job);
    expect(await bench.ended(name)).toMatchObject({ status: 'stopped', logTail: [] });
    expect(bench.log(name)).toBe('');
  });

  describe('while a large model is stored', () => {
    const models = join(bench.folder, 'models');
    const make = `import os
with open('/opt/ml/model/weights', 'wb') as file:
    for _ in range(200): file.write(os.urandom(1 << 20))`;
    const model = (name: string) => join(models, name);
    const asides = (name: string) =>
      readdirSync(join(bench.jobsDir, name)).filter((entry) => entry.startsWith('commit-'));
    const storing = async (name: string) => {
      await bench.start(name, training(make, models));
      await until(async () => {
        await bench.describe(name);
        const [aside] = asides(name);
        const file = aside === undefined ? '' : join(bench.jobsDir, name, aside, '0');
        return existsSync(file) && statSync(file).size > 1 << 20;
      });
    };

    it('a stop leaves no model', async () => {
      const name = jobName('model-stop');
      await storing(name);
      await bench.stop(name);
      expect(await bench.ended(name)).toMatchObject({ status: 'stopped' });
      expect(existsSync(model(name))).toBe(false);
      expect(asides(name)).toEqual([]);
    });

    it('a stop by another worker leaves no model', async () => {
      const name = jobName('model-stop-other');
      await storing(name);
      await createBench({ folder: bench.folder }).stop(name);
      expect(await bench.ended(name)).toMatchObject({ status: 'stopped' });
      expect(existsSync(model(name))).toBe(false);
      expect(asides(name)).toEqual([]);
    });
  });

  it('keeps what was made after a stop that came too late', async () => {
    const name = jobName('too-late');
    const out = join(bench.folder, 'too-late');
    const job = shell('echo x > /opt/ml/processing/output/out/x', { outputs: { out } });
    expect(await bench.run(name, job)).toMatchObject({ status: 'succeeded' });
    await bench.stop(name);
    expect(await bench.describe(name)).toMatchObject({ status: 'succeeded' });
    expect(readFileSync(join(out, 'x'), 'utf8')).toBe('x\n');
  });
});

/** The end of an archive, and nothing before it. */
const emptyTar = Buffer.alloc(1024);
