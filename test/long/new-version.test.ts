import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { bundleChanged, makeRelease } from '../support/changed-workflows.ts';
import { command } from '../support/commands.ts';
import { quietReplays } from '../support/histories.ts';
import { temporalCli } from '../support/toolchain.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';
import { until } from '../support/until.ts';

/** What docs/operating.md tells to do, in its order. */
const [makeV1Current, makeV2Current, describeV1] = commandsOf('A new version, with runs in flight');

function commandsOf(title: string): [string[], string[], string[]] {
  const text = readFileSync(join(projectFolder, 'docs/operating.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? '';
  const found = [...section.matchAll(/`temporal (worker deployment [^`]+)`/g)];
  expect(found).toHaveLength(3);
  return found.map(([, line]) => line!.split(' ')) as ReturnType<typeof commandsOf>;
}

describe('a new version of the worker, whose workflows cannot go on with the runs of the old one', () => {
  let stage: TrainingStage;
  let workflows: WorkflowBundleWithSourceMap;
  let program: string;
  beforeAll(async () => {
    quietReplays();
    // By default the server looks after three minutes, and every three minutes from then on.
    stage = await openTrainingStage('new-version', {
      dynamicConfig: [
        'matching.wv.VersionDrainageStatusVisibilityGracePeriod=2',
        'matching.wv.VersionDrainageStatusRefreshInterval=1',
      ],
    });
    workflows = await bundleChanged('timer');
    program = await makeRelease(join(stage.folder, 'release-2'), workflows);
  });
  afterAll(() => stage.close());

  const version = (buildId: string) => ({
    TEMPORAL_DEPLOYMENT_NAME: 'sluice',
    TEMPORAL_WORKER_BUILD_ID: buildId,
  });
  const temporal = (...args: string[]) => command(temporalCli(), args, stage.env);
  /** When the server knows its workers. */
  const makeCurrent = (args: string[]) => until(async () => (await temporal(...args, '--yes')).code === 0);
  const drainage = async () => {
    const { code, stdout, stderr } = await temporal(...describeV1, '--output', 'json');
    expect(code, stderr).toBe(0);
    const { drainageInfo } = JSON.parse(stdout) as {
      drainageInfo?: { drainageStatus: string; lastChangedTime: string; lastCheckedTime: string };
    };
    return drainageInfo;
  };
  const buildOf = async (run: WorkflowHandle) =>
    (await run.describe()).raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
  const waitsAtFirst = async (run: WorkflowHandle) =>
    ((await run.fetchHistory()).events ?? []).some((event) => event.timerStartedEventAttributes);

  it('has the new runs; those in mid-training end on the old one, which is drained then', async () => {
    const old = await stage.startWorker(version('v1'));
    await makeCurrent(makeV1Current);
    const first = await stage.startTraining('held', 600);

    await stage.startWorker(version('v2'), program);
    await makeCurrent(makeV2Current);
    const second = await stage.startTraining('held', 600);
    const replayed = Worker.runReplayHistory(
      { workflowBundle: workflows },
      await first.handle.fetchHistory(),
      first.handle.workflowId,
    );
    await expect(replayed).rejects.toBeInstanceOf(DeterminismViolationError);
    // The server has looked, and found a run.
    await until(async () => {
      const { lastChangedTime = '', lastCheckedTime = '' } = (await drainage()) ?? {};
      return Date.parse(lastCheckedTime) > Date.parse(lastChangedTime);
    });
    expect(await drainage()).toMatchObject({ drainageStatus: 'draining' });

    await stage.expectAccepted(first);
    await stage.expectAccepted(second);
    expect([await buildOf(first.handle), await buildOf(second.handle)]).toEqual(['v1', 'v2']);
    expect([await waitsAtFirst(first.handle), await waitsAtFirst(second.handle)]).toEqual([false, true]);
    await until(async () => (await drainage())?.drainageStatus === 'drained');

    await old.stop();
    const third = await stage.startTraining('held', 600);
    await stage.expectAccepted(third);
    expect(await buildOf(third.handle)).toBe('v2');
  });
});
