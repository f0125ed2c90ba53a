import { defineSearchAttributeKey, SearchAttributeType, type Priority } from '@temporalio/common';
import { log, patched, workflowInfo, type ActivityOptions } from '@temporalio/workflow';
import type { HashedInput } from '../activities/hash-input.ts';
import type { PreparedRun } from '../activities/prepare-run.ts';
import type { Execution } from '../core/execution.ts';
import type { Scalar } from '../core/expressions.ts';
import { parseTime } from '../core/format-time.ts';
import type { Rule } from '../core/gate.ts';
import { modesOf, parsePipeline, type ParsedPipeline } from '../core/parse-pipeline.ts';
import { gateRule, type Pipeline } from '../core/pipeline.ts';
import { priorityOf } from '../core/priority.ts';
import type { StepPlan } from '../core/run-places.ts';
import type { ResolvedSession } from '../core/session.ts';
import { hostQueue, hostsQueue } from '../core/task-queues.ts';
import { opened } from '../core/run-report.ts';
import { parseRunInput } from '../core/run-input.ts';
import { isCanceled, runFailure } from './failures.ts';
import type { Progress } from './progress.ts';
import { longActivities, patience, shortActivities } from './proxies.ts';
import { listenForGrants, type Grants } from './step-slot.ts';

/** What the steps of one run share. */
export interface Run {
  plan: StepPlan;
  parameters: Record<string, Scalar>;
  prepared: PreparedRun;
  place: Place;
  rule: Rule;
  progress: Progress;
  grants: Grants;
  /** The hash of the input data, taken beside the jobs; null if nobody needs it or it could not be had. */
  data: Promise<HashedInput | null>;
}

/** Where what is short is done (on the machine of the run's data and jobs, if there is one), and when its turn is. */
interface Place extends ActivityOptions {
  priority: Priority;
}

interface ParsedInput extends ParsedPipeline {
  rule: Rule;
}

/** What was typed, parsed: the Temporal CLI bypasses ours. From here on it is known whom to notify. */
export async function readInput(input: unknown, progress: Progress): Promise<ParsedInput> {
  const { pipeline: given, ...overrides } = parseRunInput(input);
  const isLocation = typeof given === 'string';
  const file = isLocation ? await load(given) : given;
  const parsed = parsePipeline(isLocation ? given : 'The pipeline', file, overrides, executionOf(overrides));
  const rule = gateRule(parsed.pipeline.steps.condition);
  progress.show(opened(progress.report, parsed.pipeline, rule));
  return { ...parsed, rule };
}

const scheduledStart = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);

/** Workflow time alone, so that a replay comes to the same. A backfill has the time of its day, not that of its start. */
function executionOf({ scheduledTime }: { scheduledTime?: string | undefined }): Execution {
  const { runId, startTime, typedSearchAttributes } = workflowInfo();
  const given = scheduledTime === undefined ? null : parseTime(scheduledTime);
  return { runId, startTime, scheduledTime: given ?? typedSearchAttributes.get(scheduledStart) ?? startTime };
}

/** Everything that can be wrong with what the pipeline names is found here, before the first job. */
export async function openRun({ pipeline, parameters, rule }: ParsedInput, progress: Progress): Promise<Run> {
  const { namespace, workflowId, runId, taskQueue } = workflowInfo();
  const isBound = modesOf(pipeline).has('local');
  const priority = priorityOf(pipeline);
  const targetsAreChecked = isBound && (await checkTargets(pipeline, priority));
  const prepared = await longActivities.prepareRun.executeWithOptions(
    {
      activityId: 'prepare',
      summary: 'check what is named, put code and data in place',
      ...(isBound && { taskQueue: hostsQueue(taskQueue), ...patience }),
      priority,
    },
    [{ pipeline, runId, ...(targetsAreChecked && { targetsAreChecked }) }],
  );
  const place = {
    ...(isBound && { taskQueue: hostQueue(taskQueue, prepared.host), ...patience }),
    priority,
  };
  progress.index(prepared.searchAttributes);
  const tags = {
    'sluice:namespace': namespace,
    'sluice:workflow-id': workflowId.slice(0, 256),
    'sluice:run-id': runId,
    'sluice:pipeline': pipeline.name,
  };
  const { sources, session } = prepared;
  const data =
    pipeline.steps.register && !prepared.data
      ? hashData({ uri: sources.inputUri, session }, place, progress)
      : Promise.resolve(prepared.data);
  return {
    plan: { pipeline, sources, tags, session, attempts: {} },
    parameters,
    prepared,
    place,
    rule,
    progress,
    grants: listenForGrants(),
    data,
  };
}

/**
 * By a worker that sends notifications: the host that the run will be bound to may lack their secrets, or have others. Runs that
 * began before this was so have it done by `prepareRun`.
 */
async function checkTargets({ steps }: Pipeline, priority: Priority): Promise<boolean> {
  const { notify: targets = [] } = steps;
  if (targets.length === 0 || !patched('targets-are-checked-where-they-are-told')) return false;
  await shortActivities.checkTargets.executeWithOptions(
    { activityId: 'check-targets', summary: 'can everybody be notified?', priority },
    [{ targets }],
  );
  return true;
}

function load(location: string) {
  return shortActivities.loadPipeline.executeWithOptions(
    { activityId: 'load', summary: location.slice(0, 180) },
    [{ location }],
  );
}

/** The registered version goes without it then; the run says so. */
async function hashData(
  input: { uri: string; session: ResolvedSession | null },
  place: Run['place'],
  progress: Progress,
): Promise<HashedInput | null> {
  try {
    return await longActivities.hashInput.executeWithOptions(
      { activityId: 'hash-input', summary: 'content hash, for the lineage', ...place },
      [input],
    );
  } catch (error) {
    if (isCanceled(error)) return null;
    const reason = runFailure(error);
    log.warn('input data could not be hashed', { error: reason });
    const { notes = [] } = progress.report;
    const why = reason instanceof Error ? reason.message.split('\n', 1)[0] : String(reason);
    progress.show({ notes: [...notes, `The lineage has no hash of the input data: ${why}`] });
    return null;
  }
}
