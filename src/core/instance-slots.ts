import { z } from 'zod';
import { jobSteps, type JobStep, type Pipeline } from './pipeline.ts';
import type { ResolvedSession } from './session.ts';

/**
 * Who may have instances of a type that is capped: one workflow for each cap, account and region keeps the slots. A run asks for its
 * job, is told by a signal when it may, and says when the job is over.
 */
export const instanceSlotsType = 'instanceSlots';
export const slotSignals = { request: 'request', release: 'release', granted: 'instancesGranted' } as const;

/** How many instances of a type, `ml.p4d.24xlarge`, or of all types of a family, `ml.p4d`, may be used at once. */
export type InstanceCaps = Readonly<Record<string, number>>;

/** What a step waits for. */
export interface SlotsOfStep {
  /** The type or family that is capped. */
  instances: string;
  cap: number;
  /** The workflow that keeps the slots. */
  slotsId: string;
}

/** The cap that holds for a type: its own, or else that of its family. Null: none. */
export function capFor(caps: InstanceCaps, instanceType: string): { instances: string; cap: number } | null {
  const family = instanceType.slice(0, Math.max(0, instanceType.lastIndexOf('.')));
  for (const instances of [instanceType, family]) {
    const cap = Object.hasOwn(caps, instances) ? caps[instances] : undefined;
    if (cap !== undefined) return { instances, cap };
  }
  return null;
}

/** An account has its machines by region. */
export const slotsId = (
  taskQueue: string,
  instances: string,
  { accountId, region }: Pick<ResolvedSession, 'accountId' | 'region'>,
) => `${taskQueue}-instances-${instances}-${region}-${accountId}`;

/** Temporal's, of runs that say nothing. */
export const ordinaryPriority = 3;

const name = z.string().min(1);
/** Keys that a later version has are no reason to refuse it. */
const claimSchema = z.object({
  /** One request a job, however often it is repeated. */
  job: name,
  kind: z.enum(['Processing', 'Training', 'Transform']),
  session: z.looseObject({ region: name, accountId: name, roleArn: name, bucket: name, prefix: name }),
  workflowId: name,
  runId: name,
  pipeline: name,
  step: z.enum(jobSteps),
  instances: name,
  count: z.int().min(1),
  /** As the worker that prepared the run had it. */
  cap: z.int().min(1),
  priority: z.int().min(1),
});
export type Claim = z.infer<typeof claimSchema>;

/** Null for what is none. */
export const parseClaim = (input: unknown): Claim | null => claimSchema.safeParse(input).data ?? null;

/** A claim and since when it waits or holds, in milliseconds of workflow time. */
interface Waiting extends Claim {
  since: number;
}

interface Holder extends Waiting {
  /** Whether its run was told. */
  told: boolean;
}

/** All that the workflow knows; it goes from one run of it to the next. */
export interface SlotsState {
  instances: string;
  /** Of the latest request. */
  cap: number;
  holders: Holder[];
  /** In the order in which they get their slots. */
  waiting: Waiting[];
}

export const newSlots = (instances: string, cap: number): SlotsState => ({
  instances,
  cap,
  holders: [],
  waiting: [],
});

export const isIdle = ({ holders, waiting }: SlotsState) => holders.length === 0 && waiting.length === 0;

export const used = ({ holders }: SlotsState) => holders.reduce((sum, { count }) => sum + count, 0);

/** Behind all of its priority. Who asks again keeps its place; who holds a slot already is told once more. */
export function request(state: SlotsState, claim: Claim, now: number): void {
  state.cap = claim.cap;
  const holder = state.holders.find(({ job }) => job === claim.job);
  if (holder) holder.told = false;
  if (holder || state.waiting.some(({ job }) => job === claim.job)) return;
  const after = state.waiting.findIndex(({ priority }) => priority > claim.priority);
  state.waiting.splice(after === -1 ? state.waiting.length : after, 0, { ...claim, since: now });
}

/** Of a job that is over, or is no longer wanted. */
export function release(state: SlotsState, job: unknown): void {
  state.holders = state.holders.filter((holder) => holder.job !== job);
  state.waiting = state.waiting.filter((claim) => claim.job !== job);
}

/** Gives what is free to the first; nobody overtakes one that needs more than there is. @returns whoever is to be told. */
export function grant(state: SlotsState, now: number): readonly Holder[] {
  for (;;) {
    const [next] = state.waiting;
    if (next === undefined || used(state) + next.count > state.cap) break;
    state.waiting.shift();
    state.holders.push({ ...next, since: now, told: false });
  }
  return state.holders.filter(({ told }) => !told);
}

/** The state as Markdown, for the "current details" of the Web UI. */
export function slotsTable(state: SlotsState): string {
  const row = ({ count, pipeline, step, workflowId, priority, since }: Waiting) =>
    `| ${[count, pipeline, step, workflowId.replaceAll('|', '¦'), priority, new Date(since).toISOString()].join(' | ')} |`;
  const table = (claims: readonly Waiting[]) =>
    ['| instances | pipeline | step | run | priority | since |', '| --- | --- | --- | --- | --- | --- |']
      .concat(claims.map(row))
      .join('\n');
  return [
    `**${state.instances}**: ${used(state)} of ${state.cap} in use, ${state.waiting.length} waiting`,
    ...(state.holders.length > 0 ? ['In use:', table(state.holders)] : []),
    ...(state.waiting.length > 0 ? ['Waiting, the next one first:', table(state.waiting)] : []),
  ].join('\n\n');
}

/** Where a job stands, for people. */
export function placeInLine({ waiting, holders }: SlotsState, job: string): string | null {
  const place = waiting.findIndex((claim) => claim.job === job);
  if (place === -1) return null;
  const held = holders.map(({ workflowId, step }) => `${workflowId} (${step})`).join(', ');
  return `${place + 1} of ${waiting.length} in line${held && `; in use by ${held}`}`;
}

export const waitingFor = ({ instances, cap }: Omit<SlotsOfStep, 'slotsId'>) =>
  `for ${instances}, at most ${cap} at once`;

/** What each step needs of capped types. */
export type StepCaps = Partial<Record<JobStep, { instances: string; cap: number }>>;

/** How many instances a step uses. */
export const countOf = ({ steps }: Pipeline, step: JobStep) => steps[step]?.instanceCount ?? 0;
