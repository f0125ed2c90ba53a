import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { sources } from '../sources.ts';

const source = sources.localMode;
const kind = 'Processing';

export const logCases: ConformanceCase[] = [
  {
    id: 'log-both-streams',
    title: 'Standard output and standard error are both in the log',
    source: sources.trainingRun,
    kind,
    job: (lab) => lab.script('print("out", flush=True)\nprint("err", file=sys.stderr)'),
    ends: { status: 'succeeded' },
    verify({ logTail }) {
      expect([...logTail].sort()).toEqual(['err', 'out']);
    },
  },
  {
    id: 'log-no-final-newline',
    title: 'A last line without its newline is kept',
    source: sources.trainingRun,
    kind,
    job: (lab) => lab.script('sys.stdout.write("first\\nlast words")'),
    ends: { status: 'succeeded' },
    verify({ logTail }) {
      expect(logTail).toEqual(['first', 'last words']);
    },
  },
  {
    id: 'log-not-utf8',
    title: 'A log that is not UTF-8 breaks nothing, and its other lines are readable',
    source,
    kind,
    job: (lab) =>
      lab.script(`
sys.stdout.buffer.write(b"before\\n\\xff\\xfe caf\\xe9\\n" + bytes(range(256)) * 64 + b"\\nafter\\n")
report(done=True)`),
    ends: { status: 'succeeded' },
    async verify({ logTail, report }) {
      expect(logTail.at(-1)).toBe('after');
      expect(await report()).toEqual({ done: true });
    },
  },
  {
    id: 'log-100000-lines',
    title: 'Of 100,000 lines the last ones are kept, in order',
    source,
    kind,
    job: (lab) => lab.script('for number in range(100_000): print("line", number)'),
    ends: { status: 'succeeded' },
    verify({ logTail }) {
      expect(logTail.length).toBeGreaterThan(9);
      expect(logTail.slice(-10)).toEqual(Array.from({ length: 10 }, (_, index) => `line ${99_990 + index}`));
    },
  },
  {
    id: 'log-line-of-5mb',
    title: 'A line of 5 MB neither hides the last line nor comes whole',
    source,
    kind,
    job: (lab) => lab.script('print("x" * 5_000_000)\nprint("the last line")'),
    ends: { status: 'succeeded' },
    verify({ logTail }) {
      expect(logTail.at(-1)).toBe('the last line');
      expect(logTail.join('').length).toBeLessThan(100_000);
    },
  },
];
