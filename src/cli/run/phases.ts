import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { placeInLine, type SlotsState } from '../../core/instance-slots.ts';
import { remoteJob } from '../../core/remote-job.ts';
import { withStep } from '../../core/run-report.ts';
import { statusQuery, stepNames, type RunReport } from '../../core/run.ts';
import { decodeAll } from './payloads.ts';
import type { RunRef } from './report.ts';

/**
 * What is being done for a step, such as "building …: Step 3/9", and which attempt it is after which failure, by the name of the
 * step; `prepare` is what comes before the first.
 */
export type Phases = ReadonlyMap<string, string>;

/** As `activities/run-job.ts` tells them with each heartbeat. */
const heartbeat = z.object({ phase: z.string(), remote: remoteJob.optional() });

/** What the server knows of a run beyond its report. */
export interface News {
  phases: Phases;
  /** With what SageMaker says of jobs that are under way. */
  report: RunReport;
}

/** Asks the server, for the workflow hears neither of heartbeats nor of attempts. */
export async function readNews(
  client: Client,
  { workflowId, runId }: RunRef,
  report: RunReport,
): Promise<News> {
  const running = new Set<string>(
    report.steps.filter(({ status }) => status === 'running').map(({ name }) => name),
  );
  const isBefore = report.outcome === 'running' && report.steps.every(({ startedAt }) => startedAt === null);
  const phases = new Map<string, string>();
  const latest = { ...report };
  for (const [step, place] of await placesInLine(client, report)) phases.set(step, place);
  if (running.size === 0 && !isBefore) return { phases, report: latest };
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  for (const { activityId, activityType, attempt, heartbeatDetails, lastFailure } of raw.pendingActivities ??
    []) {
    const step = stepOf(activityId ?? '', activityType?.name ?? '');
    if (step !== 'prepare' && !running.has(step)) continue;
    const [details] = await decodeAll(client, heartbeatDetails?.payloads ?? []);
    const told = heartbeat.safeParse(details).data;
    const parts = [
      ...(told ? [told.phase] : []),
      ...((attempt ?? 1) > 1 ? [`attempt ${attempt}${afterFailure(lastFailure?.message)}`] : []),
    ];
    if (parts.length > 0) phases.set(step, parts.join('; ').replace(/\s+/g, ' '));
    const name = stepNames.find((known) => known === step);
    if (told?.remote && name) Object.assign(latest, withStep(latest, name, { remote: told.remote }));
  }
  return { phases, report: latest };
}

/** Where steps stand that wait for instances of a type that is capped. */
async function placesInLine(client: Client, { steps }: RunReport): Promise<[string, string][]> {
  const places: [string, string][] = [];
  for (const { name, status, waitsFor, jobName } of steps) {
    if (status !== 'waiting' || !waitsFor || jobName === null) continue;
    const slots = await client.workflow.getHandle(waitsFor.slotsId).query<SlotsState>(statusQuery);
    const place = placeInLine(slots, jobName);
    if (place !== null) places.push([name, place]);
  }
  return places;
}

const afterFailure = (message: string | null | undefined) => (message ? `, after: ${message}` : '');

/** The name of the step, or `prepare` for what comes before the first. */
function stepOf(activityId: string, type: string): string {
  if (type === 'loadPipeline' || type === 'prepareRun') return 'prepare';
  // Further jobs and targets of a step have a number.
  return activityId.replace(/-\d+$/, '');
}

/** Without what changes from line to line: "building sluice/sklearn:1.2-1-…", and attempts after the same failure. */
export function kindOf(phase: string): string {
  const [head = phase] = phase.split(': ', 1);
  const retry = /attempt \d+(.*)$/.exec(phase);
  return retry ? `${head.replace(/attempt \d+.*$/, 'attempt')}${retry[1] ?? ''}` : head;
}
