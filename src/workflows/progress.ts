import { defineQuery, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { Decision, Rule } from '../core/gate.ts';
import type { Pipeline } from '../core/pipeline.ts';
import { progressTable } from '../core/progress-table.ts';
import { stepNames, statusQuery, type RunReport, type StepName, type StepReport } from '../core/run.ts';
import { indexRun } from './search-attributes.ts';

export const status = defineQuery<RunReport>(statusQuery);

const optionalSteps = ['transform', 'register', 'notify'] as const;

/** What a run tells about itself: the status query, the current details and the search attributes. */
export interface Progress {
  readonly report: RunReport;
  /** Changes the report and shows it. */
  show(change: Partial<RunReport>): void;
  /** Runs a step and records what becomes of it. */
  step<T>(
    name: StepName,
    job: { engine: string | null; jobName: string | null },
    work: () => Promise<T>,
  ): Promise<T>;
  /** The file is read: its name, and the steps that it leaves out. */
  opened(pipeline: Pipeline, rule: Rule): void;
  decided(rule: Rule, decision: Decision): void;
  /** The outcome; what had not begun by then is skipped. */
  closed(change: Pick<RunReport, 'outcome'>): void;
  /** From here on search attributes are set, if the namespace has them. */
  index(registered: boolean): void;
}

export function startProgress(): Progress {
  const report: RunReport = {
    pipeline: null,
    executionMode: null,
    outcome: 'running',
    metric: null,
    steps: stepNames.map((name): StepReport => ({
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
  };
  let indexed = false;
  setHandler(status, () => report, { description: 'What the run has come to, step by step.' });
  const show = (change: Partial<RunReport>) => {
    Object.assign(report, change);
    setCurrentDetails(progressTable(report));
  };
  const record = (name: StepName, change: Partial<StepReport>) =>
    show({ steps: report.steps.map((step) => (step.name === name ? { ...step, ...change } : step)) });
  const index = () => {
    if (indexed) indexRun(report);
  };

  return {
    report,
    show,
    async step(name, job, work) {
      const started = Date.now();
      const seconds = () => (Date.now() - started) / 1000;
      record(name, { status: 'running', startedAt: new Date(started).toISOString(), ...job });
      try {
        const result = await work();
        record(name, { status: 'succeeded', seconds: seconds() });
        return result;
      } catch (error) {
        record(name, { status: isCancellation(error) ? 'canceled' : 'failed', seconds: seconds() });
        throw error;
      }
    },
    opened(pipeline, rule) {
      const left = new Set(optionalSteps.filter((step) => pipeline.steps[step] === undefined) as StepName[]);
      show({
        pipeline: pipeline.name,
        executionMode: pipeline.executionMode,
        metric: metricOf(rule, null),
        steps: report.steps.map((step) => (left.has(step.name) ? { ...step, status: 'skipped' } : step)),
      });
    },
    decided(rule, decision) {
      show({ metric: metricOf(rule, decision.kind === 'undecidable' ? null : decision.value) });
      index();
    },
    closed(change) {
      show({
        ...change,
        steps: report.steps.map((step) =>
          step.status === 'pending' ? { ...step, status: 'skipped' } : step,
        ),
      });
      index();
    },
    index(registered) {
      indexed = registered;
      index();
    },
  };
}

function metricOf(
  { metric: name, comparison, threshold }: Rule,
  value: number | null,
): NonNullable<RunReport['metric']> {
  return { name, value, comparison, threshold };
}
