import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { RunReport } from '../../core/run.ts';
import type { RunRef } from './report.ts';

/** What is being done for the job of a step, such as "building …: Step 3/9", by the name of the step. */
export type Phases = ReadonlyMap<string, string>;

/** As `activities/run-job.ts` tells them with each heartbeat. */
const heartbeat = z.object({ phase: z.string() });

/** Asks the server, for the workflow does not hear of heartbeats. Empty if no job of the run is under way. */
export async function readPhases(
  client: Client,
  { workflowId, runId }: RunRef,
  report: RunReport,
): Promise<Phases> {
  const running = new Set<string>(
    report.steps.filter(({ status }) => status === 'running').map(({ name }) => name),
  );
  if (running.size === 0) return new Map();
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const phases = new Map<string, string>();
  for (const { activityId, heartbeatDetails } of raw.pendingActivities ?? []) {
    if (!activityId || !running.has(activityId)) continue;
    const details = heartbeat.safeParse(await decodeFirst(client, heartbeatDetails?.payloads ?? []));
    if (details.success) phases.set(activityId, details.data.phase.replace(/\s+/g, ' '));
  }
  return phases;
}

type Codec = Client['options']['loadedDataConverter']['payloadCodecs'][number];
type Payload = Parameters<Codec['decode']>[0][number];

async function decodeFirst(client: Client, payloads: Payload[]): Promise<unknown> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads);
  return payloads[0] && payloadConverter.fromPayload(payloads[0]);
}

/** Without what changes from line to line: "building sluice/sklearn:1.2-1-…". */
export function kindOf(phase: string): string {
  return phase.split(': ', 1)[0] ?? phase;
}
