import { expect, test } from 'vitest';
import type { Rule } from '../../src/core/gate.ts';
import { parsePipeline } from '../../src/core/parse-pipeline.ts';
import { closed, decided, newReport, opened, withStep } from '../../src/core/run-report.ts';
import { stepNames, type RunReport } from '../../src/core/run.ts';
import { smallPipeline } from '../support/pipelines.ts';

const rule: Rule = { metric: 'mse', comparison: 'lessThan', threshold: 7 };
const statuses = (change: Partial<RunReport>) =>
  Object.fromEntries(change.steps!.map(({ name, status }) => [name, status]));

test('a new report has every step pending and nothing else', () => {
  const report = newReport();
  expect(report.steps.map(({ name }) => name)).toEqual(stepNames);
  expect(new Set(report.steps.map(({ status }) => status))).toEqual(new Set(['pending']));
  expect(report).toMatchObject({ pipeline: null, outcome: 'running', metric: null, model: null });
});

test('a change of one step leaves the others and the report itself alone', () => {
  const report = newReport();
  const { steps } = withStep(report, 'train', { status: 'running', engine: 'process' });
  expect(steps?.[1]).toMatchObject({ name: 'train', status: 'running', engine: 'process', jobName: null });
  expect([steps?.[0], steps?.[2]]).toEqual([report.steps[0], report.steps[2]]);
  expect(report).toEqual(newReport());
});

test('an opened run shows its metric and skips the steps that the file leaves out', () => {
  const { pipeline } = parsePipeline('f', smallPipeline({}, { transform: undefined }));
  const change = opened(newReport(), pipeline, rule);
  expect(change).toMatchObject({
    pipeline: 'small',
    executionMode: 'local',
    metric: { name: 'mse', value: null, comparison: 'lessThan', threshold: 7 },
  });
  expect(statuses(change)).toEqual({
    ...Object.fromEntries(stepNames.map((name) => [name, 'pending'])),
    transform: 'skipped',
    notify: 'skipped',
  });
});

test.each([
  [{ kind: 'accepted', value: 1 } as const, 1],
  [{ kind: 'rejected', value: 9 } as const, 9],
  [{ kind: 'undecidable', reason: 'r' } as const, null],
])('the decision %j shows the value %j', (decision, value) => {
  expect(decided(rule, decision).metric?.value).toBe(value);
});

test('a closed run skips what had not begun and keeps what had', () => {
  const report = newReport();
  const begun = { ...report, ...withStep(report, 'preprocess', { status: 'failed' }) };
  const change = closed(begun, 'failed');
  expect(change.outcome).toBe('failed');
  expect(statuses(change)).toMatchObject({ preprocess: 'failed', train: 'skipped', notify: 'skipped' });
});
