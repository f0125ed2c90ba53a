import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import type { ModelPackage } from '../../src/core/registry.ts';
import type { RunReport } from '../../src/core/run.ts';
import { command, sluice } from '../support/commands.ts';
import type { Running } from '../support/stack.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { temporalCli } from '../support/toolchain.ts';

const example = join(projectFolder, 'examples', 'abalone');
const acceptance = process.env.SLUICE_ACCEPTANCE_DATA;
const acceptanceData = acceptance === undefined ? undefined : join(acceptance, 'abalone.csv');
const skipped =
  acceptanceData === undefined
    ? 'SLUICE_ACCEPTANCE_DATA is not set'
    : existsSync(acceptanceData)
      ? undefined
      : 'the folder of SLUICE_ACCEPTANCE_DATA has no abalone.csv';
if (skipped !== undefined) console.log(`The run on the acceptance data is skipped: ${skipped}`);

describe('the example', () => {
  let stage: Stage;
  let worker: Running;
  let batchLines: number;
  beforeAll(async () => {
    stage = await openStage('abalone', { root: projectFolder });
    worker = await stage.startWorker();
    batchLines = await countLines(join(example, 'data', 'batch.csv'));
  });
  afterAll(() => stage.close());

  const run = async () => {
    const workflowId = `abalone-${randomUUID()}`;
    const report = (await stage.client.workflow.execute('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId,
      args: [{ pipeline: 'examples/abalone/pipeline.json' }],
    })) as RunReport;
    return { workflowId, report };
  };

  /** Starts a run as a user of the Temporal CLI does, and waits for its end. */
  const runByTemporalCli = async (parameters: Record<string, number>) => {
    const workflowId = `abalone-cli-${randomUUID()}`;
    const temporal = (...args: string[]) =>
      command(temporalCli(), ['workflow', ...args, '--workflow-id', workflowId, '--address', stage.address]);
    const input = { pipeline: 'examples/abalone/pipeline.json', executionMode: 'local', parameters };
    const started = await temporal(
      ...['start', '--type', 'trainingPipeline', '--task-queue', 'sluice', '--input', JSON.stringify(input)],
    );
    expect(started, started.stderr).toMatchObject({ code: 0 });
    const result = await temporal('result', '--output', 'json');
    const described = await temporal('describe', '--output', 'json');
    return {
      code: result.code,
      said: result.stdout + result.stderr,
      status: JSON.parse(described.stdout).workflowExecutionInfo.status as string,
    };
  };

  const packageOf = async (report: RunReport): Promise<ModelPackage> => {
    const { group, version } = report.modelPackage!;
    const file = join(stage.home, 'registry', 'packages', 'abalone', group, `${version}.json`);
    return JSON.parse(await readFile(file, 'utf8')) as ModelPackage;
  };

  it('is accepted with a prediction for every row and the same error twice, and its lineage is registered', async () => {
    const first = await run();
    expect(first.report.outcome).toBe('accepted');
    expect(first.report.metric).toMatchObject({
      name: 'regression_metrics.mse.value',
      comparison: 'lessThanOrEqualTo',
      threshold: 7,
    });
    expect(first.report.metric!.value).toBeGreaterThan(4);
    expect(first.report.metric!.value).toBeLessThan(5);

    const output = fileURLToPath(first.report.transform!.output);
    const predictions = (await readFile(join(output, 'batch.csv.out'), 'utf8')).trimEnd().split('\n');
    expect(predictions.length).toBe(200);
    expect(predictions.length).toBe(batchLines);
    expect(predictions.filter((line) => !(Number(line) > 0 && Number(line) < 30))).toEqual([]);

    const second = await run();
    expect(second.report.metric).toEqual(first.report.metric);
    expect(second.report.modelPackage!.version).toBe(first.report.modelPackage!.version + 1);

    const registered = await packageOf(first.report);
    expect(registered).toMatchObject({
      pipeline: 'abalone',
      group: 'abalone',
      approvalStatus: 'PendingManualApproval',
      modelName: first.report.model,
      metric: { value: first.report.metric!.value, threshold: 7 },
      lineage: {
        workflowId: first.workflowId,
        executionMode: 'local',
        parameters: { mseThreshold: 7, inputData: 'examples/abalone/data/abalone.csv' },
        data: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: expect.any(Number) },
        code: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
        image: expect.stringContaining('sklearn'),
      },
    });
    expect(existsSync(fileURLToPath(registered.inference.ModelDataUrl))).toBe(true);
    expect(existsSync(fileURLToPath(registered.metric.reportUri))).toBe(true);
    const jobs = Object.fromEntries(
      first.report.steps
        .filter(({ jobName }) => jobName !== null)
        .map(({ name, jobName }) => [name, jobName]),
    );
    expect(registered.lineage.jobs).toMatchObject({
      preprocess: jobs.preprocess,
      train: jobs.train,
      evaluate: jobs.evaluate,
    });
    const again = await packageOf(second.report);
    expect(again.lineage.data).toEqual(registered.lineage.data);
    expect(again.lineage.code.sha256).toBe(registered.lineage.code.sha256);
    expect(again.lineage.runId).not.toBe(registered.lineage.runId);
  });

  it('is rejected with a threshold of 3 when the Temporal CLI starts it', async () => {
    const { code, said, status } = await runByTemporalCli({ mseThreshold: 3.0 });
    expect(code).not.toBe(0);
    expect(status).toContain('FAILED');
    expect(said).toContain('QualityGateRejected');
    expect(said).toContain('≤ 3 does not hold');
  });

  it('is accepted with its own threshold when the Temporal CLI starts it', async () => {
    const { code, said, status } = await runByTemporalCli({});
    expect(code, said).toBe(0);
    expect(status).toContain('COMPLETED');
    expect(said).toContain('accepted');
  });

  it('has the same error when its jobs get no namespaces', async () => {
    const inside = await run();
    await worker.stop();
    worker = await stage.startWorker({ SLUICE_PROCESS_ISOLATION: 'none' });
    const outside = await run();
    expect(outside.report.outcome).toBe('accepted');
    expect(outside.report.metric).toEqual(inside.report.metric);
    expect(outside.report.transform!.records).toBe(inside.report.transform!.records);
  });
});

describe.skipIf(skipped !== undefined)('the acceptance data', () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'sluice-acceptance-'));
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('passes as a file of the user, by one command without a server', async () => {
    const finished = await sluice(
      ['run', join(example, 'pipeline.json'), '--param', `inputData=${acceptanceData!}`, '--json'],
      {
        SLUICE_ROOT: projectFolder,
        SLUICE_HOME: home,
        SLUICE_SKIP_SETUP: '1',
        TEMPORAL_ADDRESS: undefined,
        TEMPORAL_PROFILE: undefined,
      },
    );
    expect(finished, finished.stderr).toMatchObject({ code: 0 });
    const report = JSON.parse(finished.stdout) as RunReport;
    expect(report.outcome).toBe('accepted');
    expect(report.metric!.value).toBeGreaterThan(4);
    expect(report.metric!.value).toBeLessThan(5.5);
    expect(report.transform!.records).toBe(await countLines(join(example, 'data', 'batch.csv')));
  });
});

async function countLines(file: string): Promise<number> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n').length;
}
