import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { sdk, sources } from '../sources.ts';

const failing = [
  [1, sources.processingExit],
  [2, sources.processingExit],
  [126, sources.processingExit],
  [127, sources.processingExit],
  [130, sdk(2862)],
  [137, sdk(2862)],
  [139, sources.processingExit],
  [143, sdk(2862)],
  [255, sources.processingExit],
] as const;

const failures = failing.map(([code, source]): ConformanceCase => ({
  id: `exit-${code}`,
  title: `Exit code ${code} is a failure, and the reason says so`,
  source,
  kind: 'Processing',
  job: (lab) => lab.command(['sh', '-c', `exit ${code}`]),
  ends: {
    status: 'failed',
    code: 'JobFailed',
    exitCode: code,
    reason: expect.stringMatching(`exit code:? ${code}\\b`),
  },
}));

export const exitCases: ConformanceCase[] = [
  {
    id: 'exit-0',
    title: 'Exit code 0 is success',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.command(['sh', '-c', 'exit 0']),
    ends: { status: 'succeeded', exitMessage: null },
  },
  {
    id: 'exit-0-with-complaints',
    title: 'Exit code 0 is success whatever stands on standard error',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.command(['sh', '-c', 'echo Error: Traceback >&2; exit 0']),
    ends: { status: 'succeeded' },
  },
  ...failures,
  {
    id: 'exit-130-training',
    title: 'Exit code 130 of a training job is a failure, too',
    source: sdk(2862),
    kind: 'Training',
    job: (lab) => lab.trainer('sys.exit(130)'),
    ends: { status: 'failed', code: 'JobFailed', exitCode: 130 },
  },
  {
    id: 'exit-by-signal',
    title: 'A process that dies of a fault fails the job, and the reason names the signal',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.script('import ctypes\nctypes.string_at(0)'),
    ends: { status: 'failed', code: 'JobFailed', reason: expect.stringContaining('SIGSEGV') },
  },
  {
    id: 'exit-no-command',
    title: 'A command that does not exist fails the job',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.command(['/no/such/command']),
    ends: { status: 'failed', code: 'JobFailed' },
  },
  {
    id: 'exit-not-executable',
    title: 'A command that may not be executed fails the job',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) =>
      lab.command(['/opt/ml/processing/input/tool/run.sh'], {
        inputs: { tool: { 'run.sh': '#!/bin/sh\n' } },
      }),
    ends: { status: 'failed', code: 'JobFailed' },
  },
  {
    id: 'exit-children-gone',
    title: 'A child that the script leaves behind is gone with it and writes nothing any more',
    source: sources.trainingRun,
    kind: 'Processing',
    job: (lab) =>
      lab.script(`
folder = os.open(OUT, os.O_RDONLY)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1)
    os.fchdir(folder)
    open("late", "w").close()
    print("still here", flush=True)
    time.sleep(300)
report(left="a child")
os._exit(0)`),
    ends: { status: 'succeeded' },
    async verify({ seconds, output, job }) {
      expect(seconds).toBeLessThan(30);
      await pause(1500);
      expect([...(await output()).keys()]).toEqual(['report.json']);
      const state = await job.describe();
      expect('logTail' in state && state.logTail).toEqual([]);
    },
  },
];
