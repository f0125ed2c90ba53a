import fc from 'fast-check';
import { expect, test } from 'vitest';
import { progressTable } from '../../src/core/progress-table.ts';
import { newReport, withStep } from '../../src/core/run-report.ts';
import type { RunReport, StepReport } from '../../src/core/run.ts';

const report = (changes: Partial<RunReport>): RunReport => ({ ...newReport(), ...changes });
const metric = { name: 'mse', value: 4.5, comparison: 'lessThanOrEqualTo', threshold: 7 } as const;

test('a step that waits for instances says for which', () => {
  const waitsFor = { instances: 'ml.p4d', cap: 2, slotsId: 's' };
  const shown = (change: Partial<StepReport>) =>
    progressTable({ ...newReport(), ...withStep(newReport(), 'train', { waitsFor, ...change }) });
  expect(shown({ status: 'waiting' })).toContain('| train | ⧗ waiting for ml.p4d, at most 2 at once |  |  |');
  expect(shown({ status: 'running' })).toContain('| train | ▶ running |  |  |');
});

test('a run that was accepted is shown with everything it made', () => {
  const done = report({
    pipeline: 'abalone',
    executionMode: 'local',
    outcome: 'accepted',
    metric,
    model: 'abalone-model-1',
    transform: { output: 'file:///o/transform', records: 200 },
    modelPackage: { group: 'abalone', version: 3, approvalStatus: 'Approved' },
  });
  const steps = withStep(done, 'train', {
    status: 'succeeded',
    engine: 'process',
    jobName: 'j',
    seconds: 1.26,
  });
  expect(progressTable({ ...done, ...steps })).toBe(
    [
      '**abalone** (local): **accepted**',
      '',
      '| step | state | engine | seconds |',
      '| --- | --- | --- | --- |',
      '| preprocess | · pending |  |  |',
      '| train | ✓ succeeded | process | 1.3 |',
      '| evaluate | · pending |  |  |',
      '| condition | · pending |  |  |',
      '| createModel | · pending |  |  |',
      '| transform | · pending |  |  |',
      '| register | · pending |  |  |',
      '| notify | · pending |  |  |',
      '',
      'Gate: `mse` = **4.5** (accepted if ≤ 7)',
      '',
      'Model: `abalone-model-1`',
      '',
      'Predictions: `file:///o/transform` (200 records)',
      '',
      'Model package: abalone, version 3 (Approved)',
      '',
      'Jobs:',
      '',
      '- train: `j`',
    ].join('\n'),
  );
});

test('a job of SageMaker is a link to its page, with what it came to and its ARN', () => {
  const remote = {
    arn: 'arn:aws:sagemaker:eu-west-1:123456789012:training-job/j',
    consoleUrl: 'https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/j',
    status: 'Completed',
    secondaryStatus: 'Completed',
    billableSeconds: 54,
    trainingSeconds: 180,
  };
  const of = (job: typeof remote | { arn: null; consoleUrl: null }) =>
    progressTable(report(withStep(newReport(), 'train', { jobName: 'j', remote: { ...remote, ...job } })));
  expect(of(remote)).toContain(
    `- train: [\`j\`](${remote.consoleUrl}), Completed, 54 s billed of 180 s (spot saved 70 %), \`${remote.arn}\``,
  );
  expect(of({ arn: null, consoleUrl: null })).toMatch(/- train: `j`, Completed, .*70 %\)$/);
});

test('a metric that was not read, and predictions that were not counted, are shown as such', () => {
  const text = progressTable(
    report({ metric: { ...metric, value: null }, transform: { output: 'o', records: null } }),
  );
  expect(text).toContain('Gate: `mse` = **unreadable** (accepted if ≤ 7)');
  expect(text).toContain('(? records)');
  expect(text).toContain('**pipeline** (?): **running**');
});

test('every line of a failure is indented, whatever ends it', () => {
  const text = progressTable(report({ failure: { code: 'JobFailed', message: 'a\n# b\r\n| c |\r**d**' } }));
  expect(text).toContain('Failure: `JobFailed`\n\n    a\n    # b\n    | c |\n    **d**');
});

test.each([
  ['a backtick', 'a`b', '`` a`b ``'],
  ['backticks in a row', '```a` **b**', '```` ```a` **b** ````'],
  ['newlines', 'a\n\n# b', '`a # b`'],
  ['HTML', '<img src=x onerror=alert(1)>', '`<img src=x onerror=alert(1)>`'],
  ['a link', '[a](javascript:b)', '`[a](javascript:b)`'],
])('%s in the name of a metric stays in its code span', (_title, name, span) => {
  expect(progressTable(report({ metric: { ...metric, name } }))).toContain(`Gate: ${span} = **4.5**`);
});

test('no value breaks out of its cell', () => {
  const cells = fc.string({ unit: fc.constantFrom('|', '`', '\n', '\r', '\\', 'a', '<', '*') });
  fc.assert(
    fc.property(cells, cells, (engine, jobName) => {
      const base = report({});
      const rows = progressTable({ ...base, ...withStep(base, 'train', { engine, jobName }) }).split('\n');
      expect(rows).toHaveLength(jobName === '' ? 12 : 16);
      for (const row of rows.slice(2, 12)) expect(row.split('|')).toHaveLength(6);
    }),
  );
});
