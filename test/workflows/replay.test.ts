import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dependencies } from '../../src/activities/dependencies.ts';
import { createActivities } from '../../src/activities/index.ts';
import * as workflows from '../../src/workflows/index.ts';
import { bundleChanged } from '../support/changed-workflows.ts';
import { attributesOf, isOfKind, kindNames } from '../support/history-kinds.ts';
import { quietReplays, readHistories, replay, tracesIn, type RecordedHistory } from '../support/histories.ts';

const histories = readHistories();

beforeAll(quietReplays);

describe('the recorded histories', () => {
  it('are there for every kind of run, each what it is called', () => {
    // `npm run histories` records them anew; CONTRIBUTING.md says when.
    expect([...histories.keys()].sort()).toEqual([...kindNames].sort());
    for (const kind of kindNames) expect(isOfKind(kind, histories.get(kind)!), kind).toBe(true);
  });

  it('have every workflow and every activity among them', () => {
    const named = (type: string, key: 'workflowType' | 'activityType') =>
      [...histories.values()].flatMap((history) =>
        attributesOf(history, type).map((attributes) => attributes[key]?.name),
      );
    expect(named('WORKFLOW_EXECUTION_STARTED', 'workflowType')).toEqual(
      expect.arrayContaining(Object.keys(workflows)),
    );
    const activities = Object.keys(createActivities({} as Dependencies));
    expect(named('ACTIVITY_TASK_SCHEDULED', 'activityType')).toEqual(expect.arrayContaining(activities));
  });

  it('hold nothing of a machine', () => {
    for (const [kind, history] of histories) expect(tracesIn(history), kind).toEqual([]);
  });
});

/** What was said to the run before, and what it was called then, stays in its history. */
function underAnotherRunId(history: RecordedHistory): RecordedHistory {
  const changed = structuredClone(history);
  const started = changed.events[0]?.workflowExecutionStartedEventAttributes as Record<string, string>;
  started.originalExecutionRunId = '01a22432-1c82-70f2-ac8c-000000000000';
  return changed;
}

describe('a replay', () => {
  let current: WorkflowBundleWithSourceMap;
  beforeAll(async () => {
    current = await bundleChanged();
  });
  const all = (error: unknown) => Object.fromEntries([...histories.keys()].map((kind) => [kind, error]));

  it('of every history comes to the same on the code as it is', async () => {
    expect(await replay(current, histories)).toEqual(all(undefined));
  });

  it('comes to the same under another run id, which the run has after a reset', async () => {
    const reset = [...histories].map(([kind, history]) => [kind, underAnotherRunId(history)] as const);
    // Those of before `stop-by-step` have names of jobs in the ids of activities.
    const named = reset.filter(([, history]) =>
      attributesOf(history, 'ACTIVITY_TASK_SCHEDULED').some(({ activityId }) =>
        /-[0-9a-f]{32}/.test(String(activityId)),
      ),
    );
    const expected = Object.fromEntries(
      named.map(([kind]) => [kind, kind === 'instance-slots' ? undefined : expect.any(Error)]),
    );
    expect(await replay(current, new Map(reset))).toEqual({ ...all(undefined), ...expected });
  });

  it('finds a timer more, in every kind of run', async () => {
    const errors = await replay(await bundleChanged('timer'), histories);
    expect(errors).toEqual(all(expect.any(DeterminismViolationError)));
  });

  it('finds an activity of another name, in the runs that came to it', async () => {
    const errors = await replay(await bundleChanged('renamed-activity'), histories);
    const found = Object.keys(errors).filter((kind) => errors[kind] !== undefined);
    const cameTo = [...histories].filter(([, history]) =>
      attributesOf(history, 'ACTIVITY_TASK_SCHEDULED').some(
        ({ activityType }) => activityType?.name === 'readReport',
      ),
    );
    expect(found.sort()).toEqual(cameTo.map(([kind]) => kind).sort());
    for (const kind of found) expect(errors[kind], kind).toBeInstanceOf(DeterminismViolationError);
  });

  it('takes a timer more behind patched()', async () => {
    expect(await replay(await bundleChanged('guarded-timer'), histories)).toEqual(all(undefined));
  });
});
