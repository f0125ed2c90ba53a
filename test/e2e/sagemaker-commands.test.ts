import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { jsonOf } from '../../src/cli/run/report.ts';
import type { Json } from '../../src/core/expressions.ts';
import type { Life } from '../../src/emulator/script.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openCloudStage, smallScript, type CloudStage } from '../support/cloud-stage.ts';
import { sluice, type Finished } from '../support/commands.ts';
import { folderPerTest } from '../support/folders.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { describeS3 } from '../support/s3-server.ts';
import type { Running } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { writeSmallRoot } from '../support/world.ts';

withoutAwsSettings(folderPerTest());

/** Of jobs that are played: a line of each, and whatever a test writes. */
const logFolder = mkdtempSync(join(tmpdir(), 'sluice-logs-'));
const logPath = (job: string) => join(logFolder, `${job}.txt`);
const logFile = ({ name }: { name: string }) => {
  if (!existsSync(logPath(name))) writeFileSync(logPath(name), `${name} began\n`);
  return logPath(name);
};

const spot = { script: 'train.py', spot: { maxWaitSeconds: 86_400 }, hyperparameters: { depth: 3 } };

describeS3('the commands about a run in mode "sagemaker"', () => {
  let stage: CloudStage;
  let worker: Running;
  beforeAll(async () => {
    stage = await openCloudStage('sagemaker-commands', { speed: 200, logFile });
    await writeSmallRoot(stage.folder);
    worker = await stage.startWorker();
  });
  beforeEach(() => useAwsSettings(stage.awsEnv));
  afterAll(async () => {
    await stage.close();
    rmSync(logFolder, { recursive: true });
  });

  const script = async (life: Life = {}) => stage.emulator.emulator.setScript(await smallScript(6, life));
  const command = (...args: string[]) =>
    sluice(args, { ...stage.env, ...stage.awsEnv, SLUICE_LOCAL_ENGINE: 'process' });
  const file = async (steps: Record<string, Json | undefined> = {}) => {
    const path = join(stage.folder, 'pipeline.json');
    await writeFile(path, JSON.stringify(smallPipeline({}, steps)));
    return path;
  };
  const run = async (id: string, steps: Record<string, Json | undefined>, ...options: string[]) =>
    command('run', await file(steps), '--mode', 'sagemaker', '--workflow-id', id, ...options);
  const bodyOf = ({ stdout }: Finished) => JSON.parse(stdout) as ReturnType<typeof jsonOf>;
  const stepOf = (finished: Finished, step: string) =>
    bodyOf(finished).steps.find(({ name }) => name === step);

  /** What the Web UI shows of a run, as Markdown. */
  const detailsOf = async (id: string) => {
    const handle = stage.client.workflow.getHandle(id);
    return (await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;
  };

  it('show of each job its ARN, its page in the console, what it did, and what spot instances saved', async () => {
    await script({ runningSeconds: 1000 });
    const ended = await run('shown-1', { train: spot }, '--json');
    expect(ended.code, ended.stderr).toBe(0);
    const train = stepOf(ended, 'train');
    const arn = `arn:aws:sagemaker:us-east-1:123456789012:training-job/${train?.jobName}`;
    const consoleUrl = `https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/jobs/${train?.jobName}`;
    expect(train).toMatchObject({
      status: 'succeeded',
      engine: 'sagemaker',
      remote: { arn, consoleUrl, status: 'Completed', secondaryStatus: 'Completed' },
    });
    const { billableSeconds, trainingSeconds, spotSavings } = train!.remote!;
    expect(billableSeconds).toBeLessThan(trainingSeconds!);
    expect(spotSavings).toBeCloseTo(1 - billableSeconds! / trainingSeconds!, 2);
    expect(stepOf(ended, 'evaluate')?.remote).toMatchObject({ status: 'Completed', billableSeconds: null });
    expect(stepOf(ended, 'condition')).not.toHaveProperty('remote');

    const saved = `${billableSeconds} s billed of ${trainingSeconds} s (spot saved 70 %)`;
    expect(ended.stderr).toContain(`train: Completed, ${saved}, ${arn}\n  ${consoleUrl}\n`);
    const status = await command('status', 'shown-1');
    expect(status.stdout).toMatch(/✓ train +succeeded +sagemaker +[\d.]+ s +\d+ s billed of \d+ s/);
    expect(status.stdout).toContain(consoleUrl);
    const jobs = await detailsOf('shown-1');
    expect(jobs).toContain(
      `- train: [\`${train?.jobName}\`](${consoleUrl}), Completed, ${saved}, \`${arn}\``,
    );
    expect(jobs).toContain('| train | ✓ succeeded | sagemaker |');
  });

  it('show what SageMaker says of a job that is under way, and of one that was stopped', async () => {
    const { jobs = [] } = await smallScript(6);
    const long = { job: 'small-train-*', life: { runningSeconds: 1_000_000 } };
    stage.emulator.emulator.setScript({ jobs: [long, ...jobs] });
    const { client } = stage;
    await client.workflow.start('trainingPipeline', {
      ...{ taskQueue: 'sluice', workflowId: 'shown-2' },
      args: [{ pipeline: smallPipeline(), executionMode: 'sagemaker' }],
    });
    const look = async () => stepOf(await command('status', 'shown-2', '--json'), 'train')?.remote;
    await until(async () => (await look())?.secondaryStatus === 'Training');
    const arn = (await look())?.arn;
    expect(arn).toMatch(/:training-job\/small-train-/);
    const underWay = await detailsOf('shown-2');
    expect(underWay).toContain('| train | ▶ running | sagemaker |');
    expect(underWay).toMatch(
      /^- train: \[`small-train-\w+`\]\(https:\S+#\/jobs\/small-train-\w+\), `arn:\S+`$/m,
    );
    expect(underWay).toContain(`\`${arn}\``);
    expect((await command('status', 'shown-2')).stdout).toMatch(
      /▶ train +running +sagemaker +\d+ s +training$/m,
    );
    expect((await command('cancel', 'shown-2')).code).toBe(0);
    const stopped = await look();
    expect(stopped).toMatchObject({ status: 'Stopped', secondaryStatus: 'Stopped' });
    expect(stopped?.billableSeconds).toBeGreaterThan(0);
    expect(await detailsOf('shown-2')).toContain(`Stopped, ${stopped?.billableSeconds} s billed, \`${arn}\``);
  });

  it('have the logs of its jobs from CloudWatch, page by page, and of one step', async () => {
    const train = stepOf(await command('status', 'shown-1', '--json'), 'train')?.jobName ?? '';
    // More than one page of a megabyte.
    const lines = Array.from(
      { length: 40_000 },
      (_, index) => `step ${index} loss 0.123456789012345678901234567890`,
    );
    logFile({ name: train });
    appendFileSync(logPath(train), lines.map((line) => `${line}\n`).join(''));
    const before = stage.emulator.requests('FilterLogEvents').length;
    const logs = await command('logs', 'shown-1', 'train');
    expect(logs.code, logs.stderr).toBe(0);
    expect(logs.stdout).toBe(`── train: ${train}\n${train} began\n${lines.join('\n')}\n`);
    expect(stage.emulator.requests('FilterLogEvents').length - before).toBeGreaterThan(2);
    const all = await command('logs', 'shown-1');
    const titles = all.stdout.split('\n').filter((line) => line.startsWith('── '));
    expect(titles.map((title) => title.split(/[ :]+/)[1])).toEqual([
      ...['preprocess', 'train', 'evaluate', 'transform'],
    ]);
  });

  it('follow the log of a job that is under way to its end, each line once', async () => {
    const { jobs = [] } = await smallScript(6);
    const long = { job: 'small-train-*', life: { runningSeconds: 1_000_000 } };
    stage.emulator.emulator.setScript({ jobs: [long, ...jobs] });
    await stage.client.workflow.start('trainingPipeline', {
      ...{ taskQueue: 'sluice', workflowId: 'followed-1' },
      args: [{ pipeline: smallPipeline(), executionMode: 'sagemaker' }],
    });
    const following = command('logs', 'followed-1', 'train', '--follow');
    const name = () => {
      const known = stage.emulator.emulator.find('small-train-*');
      return known.find(({ view }) => view.phase === 'Training' || view.phase === 'Stopping')?.name ?? '';
    };
    const reads = () => stage.emulator.requests('FilterLogEvents').length;
    await until(() => existsSync(logPath(name())));
    const train = name();
    for (const line of ['one', 'two']) {
      appendFileSync(logPath(train), `${line}\n`);
      const before = reads();
      await until(() => reads() > before);
    }
    appendFileSync(logPath(train), 'last\n');
    await stage.client.workflow.getHandle('followed-1').cancel();
    const { stdout, code, stderr } = await following;
    expect(code, stderr).toBe(0);
    expect(stdout).toBe(`── train: ${train}\n${train} began\none\ntwo\nlast\n`);
  });

  it('say the last lines of a job that failed', async () => {
    await script({ end: 'Failed', failureReason: 'AlgorithmError: ValueError, exit code: 1' });
    const ended = await run('failed-1', {});
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/The last lines of its log:\n +small-preprocess-\w+ began$/m);
  });

  it('show the same without a worker, from the history', async () => {
    const told = bodyOf(await command('status', 'shown-1', '--json'));
    await worker.stop();
    expect(bodyOf(await command('status', 'shown-1', '--json')).steps).toEqual(told.steps);
    const stopped = stepOf(await command('status', 'shown-2', '--json'), 'train')?.remote;
    expect(stopped).toMatchObject({ status: 'Stopped' });
    worker = await stage.startWorker();
  });
});
