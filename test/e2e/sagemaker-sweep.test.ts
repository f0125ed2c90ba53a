import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import type { SweepReport } from '../../src/core/sweep.ts';
import { tagListOf } from '../../src/core/tags.ts';
import { trainingJob } from '../emulator/client.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openCloudStage, smallScript, type CloudStage } from '../support/cloud-stage.ts';
import { command, sluice } from '../support/commands.ts';
import { folderPerTest } from '../support/folders.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { describeS3 } from '../support/s3-server.ts';
import { temporalCli } from '../support/toolchain.ts';
import { until } from '../support/until.ts';
import { writeSmallRoot } from '../support/world.ts';

withoutAwsSettings(folderPerTest());

interface Owner {
  workflowId: string;
  runId: string;
  namespace?: string;
}

/** The command of docs/sagemaker-mode.md. */
const documentedSchedule = () => {
  const docs = readFileSync(join(projectFolder, 'docs', 'sagemaker-mode.md'), 'utf8');
  return /```sh\n(temporal schedule create [^`]*)```/.exec(docs)?.[1] ?? '';
};

describeS3('sluice sweep', () => {
  let stage: CloudStage;
  beforeAll(async () => {
    stage = await openCloudStage('sweep', { speed: 200 });
    await writeSmallRoot(stage.folder);
    stage.emulator.emulator.setScript({ jobs: [{ life: { runningSeconds: 10_000_000 } }] });
  });
  beforeEach(() => useAwsSettings(stage.awsEnv));
  afterAll(() => stage.close());

  const sweep = async (...options: string[]) => {
    const ended = await sluice(['sweep', '--json', ...options], { ...stage.env, ...stage.awsEnv });
    expect(ended.code, ended.stderr).toBe(0);
    return JSON.parse(ended.stdout) as SweepReport;
  };
  const statusOf = (name: string) =>
    stage.emulator.emulator
      .find(name)
      .map(({ view }) => view.phase)
      .join();
  /** A run that no worker has: it is open until it is terminated. */
  const startRun = async (workflowId: string): Promise<Owner> => {
    const args = [{ pipeline: smallPipeline() }];
    const run = await stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'nobody',
      workflowId,
      args,
    });
    return { workflowId, runId: run.firstExecutionRunId };
  };
  /** @param foreign - tags of somebody else's, as they are. */
  const createJob = async (name: string, owner: Owner | null, foreign: Record<string, string> = {}) => {
    const tags = owner && {
      'sluice:namespace': owner.namespace ?? 'default',
      'sluice:workflow-id': owner.workflowId,
      'sluice:run-id': owner.runId,
      'sluice:pipeline': 'small',
    };
    const ours = tagListOf(tags ?? {});
    const Tags = [...ours, ...Object.entries(foreign).map(([Key, Value]) => ({ Key, Value }))];
    // The longest there is: a slow machine must not see them end by themselves.
    const StoppingCondition = { MaxRuntimeInSeconds: 28 * 86_400 };
    const job = trainingJob(name, { Tags, StoppingCondition });
    await createSageMakerApi('us-east-1').call('CreateTrainingJob', job);
    await until(() => statusOf(name) === 'Training');
  };

  /** With the Temporal CLI as `temporal`. */
  const ok = async (program: string, args: string[]) => {
    const PATH = `${dirname(temporalCli())}:${process.env.PATH}`;
    const ended = await command(program, args, { ...stage.env, PATH });
    expect(ended.code, ended.stderr).toBe(0);
  };

  it('stops what closed runs left behind, and nothing else', async () => {
    const closed = await startRun('closed #1 ä');
    await stage.client.workflow.getHandle(closed.workflowId).terminate();
    const open = await startRun('open-1');
    const unknown = { workflowId: 'elsewhere-1', runId: randomUUID() };
    await createJob('closed', closed, { 'a=ff': 'a=ff' });
    await createJob('open', open);
    await createJob('unknown', unknown);
    await createJob('other-namespace', { ...closed, namespace: 'other' });
    await createJob('not-ours', null, { team: 'a=ff', 'sluice:namespace': '=ff' });

    const planned = await sweep('--dry-run');
    expect(planned.jobs.map(({ name, action }) => [name, action])).toEqual([
      ['closed', 'would stop'],
      ['unknown', 'kept'],
    ]);
    expect([statusOf('closed'), stage.emulator.requests('StopTrainingJob').length]).toEqual(['Training', 0]);

    const report = await sweep();
    expect(report).toMatchObject({
      region: 'us-east-1',
      accountId: '123456789012',
      namespace: 'default',
      dryRun: false,
      inProgress: 5,
      jobs: [
        { ...closed, kind: 'Training', name: 'closed', pipeline: 'small', run: 'closed', action: 'stopped' },
        { ...unknown, name: 'unknown', run: 'unknown', action: 'kept', status: 'InProgress' },
      ],
    });
    expect(report.jobs[0]?.status).toBe('Stopped');
    for (const name of ['open', 'unknown', 'other-namespace', 'not-ours'])
      expect([name, statusOf(name)]).toEqual([name, 'Training']);

    const all = await sluice(['sweep', '--unknown'], { ...stage.env, ...stage.awsEnv });
    expect(all.stdout).toMatch(/^stopped: unknown \(Training job of elsewhere-1; .*; Stopped\)$/m);
    for (const name of ['open', 'other-namespace', 'not-ours'])
      expect([name, statusOf(name)]).toEqual([name, 'Training']);
  });

  it('finds the run whose workflow id is longer than a tag', async () => {
    const long = (what: string) => `${what} ${'#ä'.repeat(90)}`;
    const closed = await startRun(long('closed'));
    await stage.client.workflow.getHandle(closed.workflowId).terminate();
    const open = await startRun(long('open'));
    await createJob('long-closed', closed);
    await createJob('long-open', open);
    const isListed = async ({ runId }: Owner) => {
      for await (const run of stage.client.workflow.list({ query: `RunId="${runId}"` }))
        return run.status.name;
      return null;
    };
    await until(
      async () => (await isListed(closed)) === 'TERMINATED' && (await isListed(open)) === 'RUNNING',
    );
    // Not even where jobs of unknown runs are to be stopped.
    const report = await sweep('--unknown');
    expect(report.jobs.map(({ name, run, action }) => [name, run, action])).toEqual([
      ['long-closed', 'closed', 'stopped'],
    ]);
    expect(statusOf('long-open')).toBe('Training');
  });

  it('reads lists and tags page by page, and asks for a run once', async () => {
    const closed = await startRun('closed-2');
    await stage.client.workflow.getHandle(closed.workflowId).terminate();
    const names = Array.from({ length: 103 }, (_, index) => `many-${index}`);
    await Promise.all(names.map((name) => createJob(name, closed)));
    const lists = stage.emulator.requests('ListTrainingJobs').length;
    const report = await sweep();
    expect(report.jobs.filter(({ action }) => action === 'stopped')).toHaveLength(103);
    expect(stage.emulator.requests('ListTrainingJobs').length - lists).toBe(2);
  });

  it('finds the job of a run whose worker died and that was terminated; so do the workflow of the same name, and the schedule of the docs', async () => {
    const { jobs = [] } = await smallScript(6);
    const long = { job: 'small-train-*', life: { runningSeconds: 10_000_000 } };
    stage.emulator.emulator.setScript({ jobs: [long, ...jobs] });
    const leaveJob = async (workflowId: string) => {
      const worker = await stage.startWorker();
      const args = [{ pipeline: smallPipeline(), executionMode: 'sagemaker' }];
      const run = await stage.client.workflow.start('trainingPipeline', {
        taskQueue: 'sluice',
        workflowId,
        args,
      });
      const name = `small-train-${run.firstExecutionRunId.replaceAll('-', '')}`;
      await until(() => statusOf(name) === 'Training');
      await worker.kill();
      await run.terminate();
      return name;
    };
    const first = await leaveJob('left-1');
    expect((await sweep()).jobs).toMatchObject([{ name: first, action: 'stopped' }]);
    expect(statusOf(first)).toBe('Stopped');

    const second = await leaveJob('left-2');
    const worker = await stage.startWorker();
    const handle = await stage.client.workflow.start('sweep', {
      taskQueue: 'sluice',
      workflowId: 'sweep-1',
      args: [],
    });
    expect(await handle.result()).toMatchObject({
      jobs: [{ name: second, action: 'stopped', status: 'Stopped' }],
    });
    const wrong = stage.client.workflow.execute('sweep', {
      taskQueue: 'sluice',
      workflowId: 'sweep-2',
      args: [{ dryrun: true }],
    });
    await expect(wrong).rejects.toMatchObject({ cause: { type: 'InvalidInput' } });

    await worker.stop();
    const third = await leaveJob('left-3');
    await stage.startWorker();
    await ok('sh', ['-c', documentedSchedule()]);
    await ok('temporal', ['schedule', 'trigger', '--schedule-id', 'sluice-sweep']);
    const schedule = stage.client.schedule.getHandle('sluice-sweep');
    await until(async () => (await schedule.describe()).info.recentActions.length > 0);
    const { info } = await schedule.describe();
    const { workflowId } = info.recentActions[0]!.action.workflow;
    expect(workflowId).toMatch(/^sluice-sweep-/);
    expect(await stage.client.workflow.getHandle(workflowId).result()).toMatchObject({
      jobs: [{ name: third, action: 'stopped', status: 'Stopped' }],
    });
  });
});
