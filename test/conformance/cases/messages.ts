import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { sdk, sources } from '../sources.ts';

const failed = { status: 'failed', code: 'JobFailed' } as const;

const failureCases: ConformanceCase[] = [
  {
    id: 'failure-text',
    title: '/opt/ml/output/failure is the reason of a failed training job',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer('write("output/failure", "no column named rings — ✗")\nsys.exit(1)'),
    ends: { ...failed, exitCode: 1, reason: expect.stringContaining('no column named rings — ✗') },
  },
  {
    id: 'failure-1024',
    title: 'The first 1,024 characters of the failure file are kept, characters and not bytes',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer('write("output/failure", "é" * 5000)\nsys.exit(1)'),
    ends: failed,
    verify({ reason }) {
      expect(reason.match(/é/g)).toHaveLength(1024);
    },
  },
  {
    id: 'failure-10mb',
    title: 'A failure file of 10 MB is cut like any other',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer('write("output/failure", "begin" + "x" * 10_000_000)\nsys.exit(1)'),
    ends: failed,
    verify({ reason }) {
      expect(reason).toContain(`begin${'x'.repeat(1019)}`);
      expect(reason.length).toBeLessThan(1200);
    },
  },
  {
    id: 'failure-not-utf8',
    title: 'A failure file that is not UTF-8 is shown as far as it can be',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer('write("output/failure", b"bad \\xff\\xfe bytes")\nsys.exit(1)'),
    ends: { ...failed, reason: expect.stringMatching(/bad .* bytes/) },
  },
  {
    id: 'failure-empty',
    title: 'An empty failure file leaves the exit code as the reason',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer('write("output/failure", "")\nsys.exit(4)'),
    ends: { ...failed, exitCode: 4, reason: expect.stringMatching(/exit code:? 4\b/) },
  },
  {
    id: 'failure-none',
    title: 'Without a failure file the exit code is the reason, with the last lines of the log',
    source: sdk(405),
    kind: 'Training',
    job: (lab) => lab.trainer('print("one")\nprint("two", file=sys.stderr)\nsys.exit(4)'),
    ends: { ...failed, exitCode: 4, reason: expect.stringMatching(/exit code:? 4\b/) },
    verify({ logTail }) {
      expect([...logTail].sort()).toEqual(['one', 'two']);
    },
  },
  {
    id: 'failure-of-success',
    title: 'A failure file does not fail a job that exits with 0',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer('write("output/failure", "only a warning")\nreport(done=True)'),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ done: true });
    },
  },
];

const messageCases: ConformanceCase[] = [
  {
    id: 'message-text',
    title: '/opt/ml/output/message is the exit message of a processing job',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.script('write("output/message", "4177 rows — ✓")'),
    ends: { status: 'succeeded', exitMessage: '4177 rows — ✓' },
  },
  {
    id: 'message-none',
    title: 'Without the file there is no exit message',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.script(''),
    ends: { status: 'succeeded', exitMessage: null },
  },
  {
    id: 'message-1kb',
    title: 'The first 1,024 bytes of the message are kept',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.script('write("output/message", "m" * 5000)'),
    ends: { status: 'succeeded', exitMessage: 'm'.repeat(1024) },
  },
  {
    id: 'message-cut-character',
    title: 'A character that the limit cuts in two is left out, and fails nothing',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.script('write("output/message", "a" + "é" * 1000)'),
    ends: { status: 'succeeded', exitMessage: `a${'é'.repeat(511)}` },
  },
  {
    id: 'message-not-utf8',
    title: 'A message that is not UTF-8 fails the job',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) => lab.script('write("output/message", b"bad \\xff bytes")\nreport(done=True)'),
    ends: failed,
    async verify({ output }) {
      expect((await output()).size).toBe(0);
    },
  },
];

export const messageFileCases: ConformanceCase[] = [...failureCases, ...messageCases];
