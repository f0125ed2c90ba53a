import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { SluiceError } from '../../../src/core/errors.ts';
import type { ConformanceCase } from '../contract.ts';
import { until } from '../../support/until.ts';
import { sources } from '../sources.ts';

/** Says that it listens, and then has things to do. */
const waiting = 'print("ready", flush=True)\ntime.sleep(300)';
const onSigterm = (does: string) => `
def stop(*_):
    ${does}
signal.signal(signal.SIGTERM, stop)
${waiting}`;
const deaf = `signal.signal(signal.SIGTERM, signal.SIG_IGN)\n${waiting}`;

const withAChildThatListens = `
import select
hear, tell = os.pipe()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, lambda *_: os.write(tell, b"!"))
    os.write(tell, b"listening")
    time.sleep(300)
    os._exit(0)
os.read(hear, 9)
${onSigterm('print("child:", select.select([hear], [], [], 1)[0], flush=True); sys.exit(0)')}`;

const stopWhenReady: ConformanceCase['act'] = async (job) => {
  await job.ensure();
  await job.untilPrinted('ready');
  await job.stop();
};

const stopCases: ConformanceCase[] = [
  {
    id: 'stop-sigterm',
    title: 'A stop sends SIGTERM to the script, which may clean up and exit with 0, and the job is stopped',
    source: sources.processingStop,
    kind: 'Processing',
    job: (lab) => lab.script(onSigterm('print("cleaned up", flush=True); report(done=True); sys.exit(0)')),
    act: stopWhenReady,
    ends: { status: 'stopped' },
    async verify({ logTail, output }) {
      expect(logTail).toEqual(['ready', 'cleaned up']);
      expect((await output()).size).toBe(0);
    },
  },
  {
    id: 'stop-script-mode',
    title: 'SIGTERM reaches the script in script mode',
    source: 'training-toolkit #125',
    kind: 'Training',
    job: (lab) => lab.scriptMode(onSigterm('print("cleaned up", flush=True); sys.exit(0)')),
    act: stopWhenReady,
    ends: { status: 'stopped' },
    verify({ logTail }) {
      expect(logTail).toContain('cleaned up');
    },
  },
  {
    id: 'stop-main-process',
    title: 'SIGTERM goes to the main process alone, not to what it has started',
    source: sources.processingStop,
    kind: 'Processing',
    job: (lab) => lab.script(withAChildThatListens, { graceSeconds: 60 }),
    act: stopWhenReady,
    ends: { status: 'stopped' },
    verify({ logTail }) {
      expect(logTail).toEqual(['ready', 'child: []']);
    },
  },
  {
    id: 'stop-exit-code',
    title: 'A stopped job is stopped whatever its exit code',
    source: sources.trainingStop,
    kind: 'Training',
    job: (lab) => lab.trainer(onSigterm('sys.exit(9)')),
    act: stopWhenReady,
    ends: { status: 'stopped' },
  },
  {
    id: 'stop-grace',
    title: 'A script that ignores SIGTERM is killed after the grace, and not before',
    source: sources.trainingStop,
    kind: 'Processing',
    job: (lab) => lab.script(deaf, { graceSeconds: 1 }),
    async act(job) {
      await job.ensure();
      await job.untilPrinted('ready');
      const from = performance.now();
      await job.stop();
      await job.ended();
      expect(performance.now() - from).toBeGreaterThan(950);
    },
    ends: { status: 'stopped' },
    verify({ seconds }) {
      expect(seconds).toBeLessThan(30);
    },
  },
  {
    id: 'stop-at-once',
    title: 'A stop right after the start stops the job',
    source: sources.processingStop,
    kind: 'Processing',
    job: (lab) => lab.script('time.sleep(300)'),
    async act(job) {
      await job.ensure();
      await job.stop();
    },
    ends: { status: 'stopped' },
  },
  {
    id: 'stop-finished',
    title: 'A stop of a finished job is no error and changes nothing',
    source: sources.trainingStop,
    kind: 'Processing',
    job: (lab) => lab.script('report(done=True)'),
    async act(job) {
      await job.ensure();
      const before = await job.ended();
      await job.stop();
      expect(await job.describe()).toEqual(before);
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ done: true });
    },
  },
  {
    id: 'stop-never-made',
    title: 'A stop of a job that was never made is no error, and the name can still be used',
    source: sources.sluice,
    kind: 'Processing',
    job: (lab) => lab.command(['true']),
    async act(job) {
      await job.stop();
      expect(await job.describe()).toEqual({ status: 'missing' });
      await job.ensure();
    },
    ends: { status: 'succeeded' },
  },
];

const limitCases: ConformanceCase[] = [
  {
    id: 'limit-run-time',
    title: 'A job that runs longer than MaxRuntimeInSeconds ends as JobTimedOut, and stores nothing',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.script('report(half=True)\ntime.sleep(300)', { maxRuntimeSeconds: 1 }),
    ends: { status: 'failed', code: 'JobTimedOut' },
    async verify({ output, seconds }) {
      expect((await output()).size).toBe(0);
      expect(seconds).toBeLessThan(30);
    },
  },
  {
    id: 'limit-sigterm-first',
    title: 'At the limit the script gets SIGTERM first; to exit with 0 then is no success',
    source: sources.trainingStop,
    kind: 'Training',
    job: (lab) =>
      lab.trainer(onSigterm('report(done=True); print("too late", flush=True); sys.exit(0)'), {
        // By then the script listens, on a slow machine, too.
        maxRuntimeSeconds: 15,
      }),
    ends: { status: 'failed', code: 'JobTimedOut' },
    async verify({ logTail, archive }) {
      expect(logTail).toEqual(['ready', 'too late']);
      expect(await archive('model.tar.gz')).toBeNull();
    },
  },
  {
    id: 'limit-deaf',
    title: 'A script that ignores SIGTERM at the limit is killed after the grace',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.script(deaf, { maxRuntimeSeconds: 1, graceSeconds: 0.5 }),
    ends: { status: 'failed', code: 'JobTimedOut' },
    verify({ seconds }) {
      expect(seconds).toBeLessThan(30);
    },
  },
];

const identityCases: ConformanceCase[] = [
  {
    id: 'ensure-twice',
    title: 'A job that is asked for several times runs once',
    source: sources.sluice,
    kind: 'Processing',
    job: (lab) =>
      lab.script('import uuid\nprint("run", flush=True)\ntime.sleep(0.3)\nreport(run=str(uuid.uuid4()))'),
    async act(job) {
      await Promise.all([job.ensure(), job.ensure(), job.ensure()]);
      const first = await job.ended();
      await job.ensure();
      expect(await job.describe()).toEqual(first);
    },
    ends: { status: 'succeeded', logTail: ['run'] },
    async verify({ report }) {
      expect(await report()).toEqual({ run: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    },
  },
  {
    id: 'ensure-another-request',
    title: 'Another request under the name of a job is refused as SpecMismatch, and the job goes on',
    source: sources.sluice,
    kind: 'Processing',
    job: (lab) => lab.script('time.sleep(0.3)\nreport(mine=True)'),
    async act(job) {
      await job.ensure();
      const other = structuredClone(job.request);
      other.body.Environment = { OTHER: randomUUID() };
      const error: unknown = await job.ensure(other).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(SluiceError);
      expect(error).toMatchObject({ code: 'SpecMismatch' });
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ mine: true });
    },
  },
  {
    id: 'describe-running',
    title: 'A job is missing, then running, then over, with the times of its start and end',
    source: sources.sluice,
    kind: 'Processing',
    job: (lab) => lab.script('print("ready", flush=True)\ntime.sleep(20)'),
    async act(job) {
      expect(await job.describe()).toEqual({ status: 'missing' });
      await job.ensure();
      await job.untilPrinted('ready');
      // SageMaker's answers are a little behind the job.
      await until(async () => {
        const state = await job.describe();
        expect(state).toMatchObject({ status: 'running' });
        return (state as { startedAt: unknown }).startedAt !== null;
      });
      expect(await job.describe()).toMatchObject({ status: 'running', startedAt: expect.any(String) });
    },
    ends: { status: 'succeeded' },
    verify({ outcome }) {
      const { startedAt, endedAt } = outcome as Extract<typeof outcome, { endedAt: string }>;
      const [start, end] = [startedAt, endedAt].map((time) => new Date(time));
      expect([start!.toISOString(), end!.toISOString()]).toEqual([startedAt, endedAt]);
      expect(end!.getTime() - start!.getTime()).toBeGreaterThanOrEqual(300);
    },
  },
];

export const endCases: ConformanceCase[] = [...stopCases, ...limitCases, ...identityCases];
