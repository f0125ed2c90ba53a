import { describe, expect, it } from 'vitest';
import { closedReport, exitCodeOfRun, jsonOf, type Ending } from '../../src/cli/run/report.ts';
import { newReport, withStep } from '../../src/core/run-report.ts';
import type { Outcome, RunReport, StepStatus } from '../../src/core/run.ts';

const training: RunReport = {
  ...newReport(),
  pipeline: 'small',
  ...withStep(newReport(), 'train', { status: 'running', engine: 'process', jobName: 'job-1' }),
};

describe('closedReport', () => {
  it.each<[Ending, Outcome, string | undefined]>([
    [{ kind: 'canceled', message: '' }, 'canceled', undefined],
    [{ kind: 'terminated', message: 'reason' }, 'failed', 'Terminated'],
    [{ kind: 'timedOut', message: 'too long' }, 'failed', 'TimedOut'],
    [{ kind: 'failed', code: 'JobFailed', message: 'exit code 1' }, 'failed', 'JobFailed'],
    [{ kind: 'failed', code: 'QualityGateRejected', message: '' }, 'rejected', 'QualityGateRejected'],
  ])('makes of the end %j the outcome %s', (ending, outcome, code) => {
    const report = closedReport(training, ending);
    expect(report.outcome).toBe(outcome);
    expect(report.failure?.code).toBe(code);
    const states = new Set(report.steps.map(({ status }) => status));
    expect(states).toEqual(new Set(['canceled', 'skipped']));
  });

  it('takes what a completed run says of itself', () => {
    const report: RunReport = { ...newReport(), outcome: 'accepted' };
    expect(closedReport(training, { kind: 'completed', report })).toBe(report);
  });

  it('knows all steps of a run that never told anything', () => {
    expect(closedReport(null, { kind: 'terminated', message: '' }).steps).toHaveLength(8);
  });
});

describe('exitCodeOfRun', () => {
  it.each<[Outcome, string | undefined, number]>([
    ['accepted', undefined, 0],
    ['rejected', 'QualityGateRejected', 3],
    ['canceled', undefined, 130],
    ['failed', 'JobFailed', 1],
    ['failed', 'Terminated', 1],
    ['failed', 'InvalidInput', 2],
    ['failed', 'Unsupported', 2],
  ])('of %s (%s) is %i', (outcome, code, exitCode) => {
    const failure = code === undefined ? {} : { failure: { code, message: '' } };
    expect(exitCodeOfRun({ ...newReport(), outcome, ...failure })).toBe(exitCode);
  });
});

describe('jsonOf', () => {
  it('has the documented keys and no others', () => {
    const body = jsonOf({ workflowId: 'a', runId: 'b' }, { ...training, outcome: 'accepted' });
    expect(Object.keys(body)).toEqual([
      'workflowId',
      'runId',
      'outcome',
      'metric',
      'steps',
      'model',
      'transform',
      'modelPackage',
    ]);
    expect(Object.keys(body.steps[0]!)).toEqual(['name', 'status', 'engine', 'jobName', 'seconds']);
  });

  it('says what a step waits for while it does', () => {
    const waitsFor = { instances: 'ml.p4d', cap: 2, slotsId: 's' };
    const stepOf = (status: StepStatus) => {
      const report = { ...training, ...withStep(training, 'train', { status, waitsFor }) };
      return jsonOf(null, report).steps.find(({ name }) => name === 'train');
    };
    expect(stepOf('waiting')).toMatchObject({ waitsFor });
    expect(stepOf('running')).not.toHaveProperty('waitsFor');
    const [closed] = closedReport(
      { ...newReport(), ...withStep(newReport(), 'preprocess', { status: 'waiting', waitsFor }) },
      { kind: 'terminated', message: '' },
    ).steps;
    expect(closed?.status).toBe('canceled');
  });

  it('has what SageMaker says of a job, and what spot instances saved', () => {
    const remote = {
      arn: 'arn',
      consoleUrl: 'https://console',
      status: 'Completed',
      secondaryStatus: 'Completed',
      billableSeconds: 100,
      trainingSeconds: 300,
    };
    const report = { ...training, ...withStep(training, 'train', { engine: 'sagemaker', remote }) };
    const [, train] = jsonOf({ workflowId: 'a', runId: 'b' }, report).steps;
    expect(train).toEqual({
      ...{ name: 'train', status: 'running', engine: 'sagemaker', jobName: 'job-1', seconds: null },
      remote: { ...remote, spotSavings: 0.667 },
    });
  });
});
