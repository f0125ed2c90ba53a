import { isoSeconds } from './format-time.ts';

/** The run that a pipeline is resolved for. */
export interface Execution {
  /** Temporal's run id. */
  runId: string;
  startTime: Date;
  /** The time that the schedule meant: its data are wanted, however late the run starts. Of other runs the start time. */
  scheduledTime: Date;
}

/** SageMaker's names for what a run knows of itself, and `ScheduledTime`, which SageMaker leaves to EventBridge. */
export const executionVariables = [
  'StartDateTime',
  'ScheduledTime',
  'PipelineName',
  'PipelineExecutionId',
] as const;

/** Of a check without a run. */
export const noExecution: Execution = {
  runId: '00000000-0000-0000-0000-000000000000',
  startTime: new Date(0),
  scheduledTime: new Date(0),
};

/** The values of `{"Get":"Execution.…"}`; times are ISO 8601, UTC, whole seconds. The name is absent while it is not known. */
export function executionValues(
  { runId, startTime, scheduledTime }: Execution,
  pipelineName?: string,
): Map<string, string> {
  const values = new Map([
    ['StartDateTime', isoSeconds(startTime)],
    ['ScheduledTime', isoSeconds(scheduledTime)],
    ['PipelineExecutionId', runId],
  ]);
  if (pipelineName !== undefined) values.set('PipelineName', pipelineName);
  return values;
}
