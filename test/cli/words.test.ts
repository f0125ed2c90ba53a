import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { alignColumns, printable } from '../../src/cli/output.ts';
import { lineAndColumn, parseAssignments } from '../../src/cli/pipeline-file.ts';
import { closingLines } from '../../src/cli/run/closing.ts';
import { plainView, printableLine, tableOf } from '../../src/cli/run/view.ts';
import { newReport, withStep } from '../../src/core/run-report.ts';
import type { RemoteJob } from '../../src/core/remote-job.ts';
import type { RunReport, StepReport } from '../../src/core/run.ts';

const reasonOf = (text: string) => {
  try {
    JSON.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${text} is JSON`);
};

const none = new Map<string, string>();
const began = '2026-01-01T00:00:00.000Z';
const training: RunReport = {
  ...newReport(),
  ...withStep(newReport(), 'train', {
    status: 'running',
    engine: 'process',
    jobName: 'job-1',
    startedAt: began,
  }),
};
const decided: RunReport = {
  ...newReport(),
  ...withStep(newReport(), 'condition', { status: 'succeeded', seconds: 0.04 }),
  metric: { name: 'mse', value: 6, comparison: 'lessThanOrEqualTo', threshold: 7 },
};

const arn = 'arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-1';
const remote: RemoteJob = {
  arn,
  consoleUrl: 'https://console/job-1',
  status: null,
  secondaryStatus: null,
  billableSeconds: null,
  trainingSeconds: null,
};
const spot: RemoteJob = {
  ...remote,
  status: 'Completed',
  secondaryStatus: 'Completed',
  billableSeconds: 54,
  trainingSeconds: 180,
};

describe('lineAndColumn', () => {
  it.each([
    ['{\n  "a": }', 'line 2, column 8'],
    ['{"a" 1}', 'line 1, column 6'],
    ['{\n"a": 1\n', 'line 3, column 1'],
    ['{"a":\n"line 7"\n  "b"}', 'line 3, column 3'],
    [`[${'1,\n'.repeat(5000)}x]`, 'line 5001, column 1'],
  ])('finds the place in %j', (text, place) => {
    const reason = reasonOf(text);
    expect(lineAndColumn(text, reason) || reason.replace(/.*\((line \d+) (column \d+)\)$/, '; $1, $2')).toBe(
      `; ${place}`,
    );
  });

  it('says nothing about a reason that has no place', () => {
    expect(lineAndColumn('{}', 'it starts with a byte order mark')).toBe('');
  });
});

describe('parseAssignments', () => {
  it('keeps what comes behind the first equals sign', () => {
    expect(parseAssignments(['a=1', 'b=x=y', 'c='])).toEqual({ a: '1', b: 'x=y', c: '' });
  });

  it('keeps a name that objects have by themselves', () => {
    expect(Object.entries(parseAssignments(['__proto__=1', 'constructor=2']))).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
  });

  it.each([[['a']], [['=1']], [['']], [['a=1', 'a=2']]])('refuses %j', (given) => {
    expect(() => parseAssignments(given)).toThrow(/--param/);
  });
});

describe('printable', () => {
  it('strips what would drive a terminal and keeps lines, tabs and letters', () => {
    const hostile = '\u001b[31mred\u001b[0m \u001b]0;title\u0007x\u0000\u0008\r\u009b2Jy\u007f\tä→漢\n';
    const text = printable(hostile);
    expect(text).toMatch(/^red .*\tä→漢\n$/);
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('alignColumns', () => {
  it('makes every column as wide as its widest cell', () => {
    expect(
      alignColumns([
        ['a', 'long', ''],
        ['bb', 'c', 'd'],
      ]),
    ).toEqual(['a   long', 'bb  c     d']);
  });
});

describe('tableOf', () => {
  it('shows how long the running step has taken', () => {
    const lines = tableOf(training, Date.parse(began) + 4200, none);
    expect(lines).toHaveLength(8);
    expect(lines[1]).toMatch(/train +running +process +4 s +job-1$/);
  });

  it('never shows a negative time when the clocks differ', () => {
    expect(tableOf(training, Date.parse(began) - 5000, none)[1]).toContain('0 s');
  });

  it('says last what is being done for the running step, unless that is simply that it runs', () => {
    const line = (phase: string) => tableOf(training, 0, new Map([['train', phase]]))[1];
    expect(line('building a:1: Step 3/9')).toMatch(/job-1 +building a:1: Step 3\/9$/);
    expect(line('running')).toMatch(/job-1$/);
    expect(tableOf(decided, 0, new Map([['train', 'stopping']])).join()).not.toContain('stopping');
  });

  it('shows of a job of SageMaker what it is doing, then what it cost, where a small terminal has room', () => {
    const step = (change: Partial<StepReport>): RunReport => ({
      ...newReport(),
      ...withStep(newReport(), 'train', { engine: 'sagemaker', jobName: `job-${'0'.repeat(40)}`, ...change }),
    });
    const running = step({ status: 'running', startedAt: began, remote });
    const [, line = ''] = tableOf(running, Date.parse(began) + 90_000, new Map([['train', 'downloading']]));
    expect(stripVTControlCharacters(printableLine(line, 60))).toMatch(/sagemaker +90 s +downloading$/);
    const over = step({ status: 'succeeded', seconds: 400, remote: spot });
    expect(tableOf(over, 0, none)[1]).toMatch(/400\.0 s +54 s billed of 180 s \(spot saved 70 %\)$/);
    const processing = step({ status: 'canceled', seconds: 4, remote: { ...remote, status: 'Stopped' } });
    expect(tableOf(processing, 0, none)[1]).toMatch(/4\.0 s +Stopped$/);
  });

  it('is cut to the width of the terminal, and no name in it drives it', () => {
    const [, line = ''] = tableOf(training, 0, new Map([['train', `building ${'x'.repeat(200)}`]]));
    const shown = stripVTControlCharacters(printableLine(line, 80));
    expect(shown).toHaveLength(80);
    expect(shown).toMatch(/^▶ train .* building x+…$/);
    expect(printableLine('\u001b[31mmse = 6', 80)).toBe('mse = 6');
  });

  it('ends with the metric against its threshold', () => {
    expect(tableOf(decided, 0, none).at(-1)).toBe('mse = 6 (accepted if ≤ 7)');
  });
});

describe('closingLines', () => {
  const closing = (job: RemoteJob) =>
    closingLines(
      { ...newReport(), ...withStep(newReport(), 'train', { jobName: 'job-1', remote: job }) },
      null,
    );

  it('say of each job of SageMaker what it came to, its ARN, and its page in the console', () => {
    expect(closing(spot)).toEqual([
      'Outcome: running',
      `train: Completed, 54 s billed of 180 s (spot saved 70 %), ${arn}`,
      '  https://console/job-1',
    ]);
  });

  it('do without what is not known', () => {
    expect(closing(remote)[1]).toBe(`train: ${arn}`);
    expect(closing({ ...remote, arn: null, consoleUrl: null })).toEqual(['Outcome: running', 'train: job-1']);
  });
});

describe('plainView', () => {
  it('writes one line for each change and none for steps that did not begin', () => {
    const lines: string[] = [];
    const view = plainView((line) => lines.push(line));
    for (const report of [newReport(), training, training, decided, decided]) view.show(report, none);
    view.tell('Said in between');
    view.close();
    expect(lines).toEqual([
      'train: running (process, job-1)',
      'condition: succeeded in 0.0 s: mse = 6 (accepted if ≤ 7)',
      'Said in between',
    ]);
  });

  it('says once what a step waits for', () => {
    const lines: string[] = [];
    const view = plainView((line) => lines.push(line));
    const waitsFor = { instances: 'ml.p4d', cap: 2, slotsId: 's' };
    const waiting = { ...newReport(), ...withStep(newReport(), 'train', { status: 'waiting', waitsFor }) };
    for (const place of ['2 of 2 in line', '1 of 1 in line']) view.show(waiting, new Map([['train', place]]));
    expect(lines).toEqual(['train: waiting for ml.p4d, at most 2 at once']);
  });

  it('tells what takes long when its kind changes, not each line of a build', () => {
    const lines: string[] = [];
    const view = plainView((line) => lines.push(line));
    const phases = ['starting', 'preparing', 'building a:1: Step 1/9', 'building a:1: Step 2/9', 'preparing'];
    for (const phase of [...phases, 'running', 'storing outputs', 'storing outputs'])
      view.show(training, new Map([['train', phase]]));
    expect(lines).toEqual([
      'train: running (process, job-1)',
      'train: running (process, job-1): building a:1: Step 1/9',
      'train: running (process, job-1)',
      'train: running (process, job-1): storing outputs',
    ]);
  });
});

describe('attempts of what is under way', () => {
  const phases = (text: string, step = 'train') => new Map([[step, text]]);

  it('are told once for the same failure, and again for another', () => {
    const lines: string[] = [];
    const view = plainView((line) => lines.push(line));
    for (const phase of [
      'starting; attempt 2, after: no engine answers',
      'starting; attempt 3, after: no engine answers',
      'starting; attempt 4, after: the disk is full',
    ])
      view.show(training, phases(phase));
    view.show(newReport(), phases('attempt 2, after: the disk is full', 'prepare'));
    view.show(newReport(), phases('attempt 3, after: the disk is full', 'prepare'));
    expect(lines).toEqual([
      'train: running (process, job-1): starting; attempt 2, after: no engine answers',
      'train: running (process, job-1): starting; attempt 4, after: the disk is full',
      'prepare: attempt 2, after: the disk is full',
    ]);
  });

  it('stand in the table, before the first step, too', () => {
    const [first] = tableOf(newReport(), 0, phases('attempt 3, after: no engine answers', 'prepare'));
    expect(first).toMatch(/^\S+ prepare {2}attempt 3, after: no engine answers$/);
    const rows = tableOf(training, 0, phases('starting; attempt 2, after: no engine answers'));
    expect(rows[1]).toContain('job-1  starting; attempt 2, after: no engine answers');
  });
});
