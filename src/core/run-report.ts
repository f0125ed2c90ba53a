import type { Decision, Rule } from './gate.ts';
import type { Pipeline } from './pipeline.ts';
import { stepNames, type Outcome, type RunReport, type StepName, type StepReport } from './run.ts';

/** How a run's report changes: each function gives what changes. */
export const newReport = (): RunReport => ({
  pipeline: null,
  executionMode: null,
  outcome: 'running',
  metric: null,
  steps: stepNames.map((name) => ({
    name,
    status: 'pending',
    engine: null,
    jobName: null,
    seconds: null,
    startedAt: null,
  })),
  model: null,
  transform: null,
  modelPackage: null,
});

type Change = Partial<RunReport>;

export function withStep(report: RunReport, name: StepName, change: Partial<StepReport>): Change {
  return { steps: report.steps.map((step) => (step.name === name ? { ...step, ...change } : step)) };
}

/** The file is read: what it is called, what decides, and which steps it leaves out. */
export function opened(report: RunReport, pipeline: Pipeline, rule: Rule): Change {
  const optional = ['transform', 'register', 'notify'] as const;
  const left = new Set<StepName>(optional.filter((step) => pipeline.steps[step] === undefined));
  return {
    pipeline: pipeline.name,
    executionMode: pipeline.executionMode,
    metric: metricOf(rule, null),
    steps: report.steps.map((step) => (left.has(step.name) ? { ...step, status: 'skipped' } : step)),
  };
}

export function decided(rule: Rule, decision: Decision): Change {
  return { metric: metricOf(rule, decision.kind === 'undecidable' ? null : decision.value) };
}

/** What had not begun when the run closed is skipped. */
export function closed(report: RunReport, outcome: Outcome): Change {
  return {
    outcome,
    steps: report.steps.map((step) => (step.status === 'pending' ? { ...step, status: 'skipped' } : step)),
  };
}

function metricOf({ metric: name, comparison, threshold }: Rule, value: number | null): RunReport['metric'] {
  return { name, value, comparison, threshold };
}
