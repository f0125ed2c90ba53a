import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import type { Entry } from '../../src/emulator/ledger.ts';
import { clientEnv } from '../../src/emulator/start.ts';
import type { RunReport } from '../../src/core/run.ts';
import { problemsInLedger } from '../support/botocore.ts';
import { freePort } from '../support/ports.ts';
import { describeS3, startS3Server, type S3Server } from '../support/s3-server.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

type Mode = 'local' | 'sagemaker';
const other = (mode: Mode): Mode => (mode === 'local' ? 'sagemaker' : 'local');
const accountId = '123456789012';
const bucket = `sagemaker-us-east-1-${accountId}`;

describeS3('the example in mode "sagemaker", its jobs run for real by the emulator', () => {
  let s3: S3Server;
  let emulator: { endpoint: string; stop(): Promise<void> };
  let stage: Stage;
  beforeAll(async () => {
    s3 = await startS3Server(accountId);
    stage = await openStage('sagemaker-abalone', { root: projectFolder });
    emulator = await startExecutingEmulator({ ...s3.env, SLUICE_HOME: join(stage.folder, 'emulator') });
    await stage.startWorker({
      ...clientEnv(emulator.endpoint),
      ...s3.env,
      AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: emulator.endpoint,
      SLUICE_ROLE: 'SluiceJobs',
    });
  });
  afterAll(async () => {
    await stage.close();
    await emulator.stop();
    await s3.stop();
  });

  /** @param inOtherMode - steps that are not done where the others are. */
  const run = async (executionMode: Mode, inOtherMode: readonly string[] = []) => {
    const file = await readFile(join(projectFolder, 'examples', 'abalone', 'pipeline.json'), 'utf8');
    const pipeline = JSON.parse(file) as { steps: Record<string, object> };
    for (const step of inOtherMode)
      Object.assign(pipeline.steps[step]!, { executionMode: other(executionMode) });
    const handle = await stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `abalone-${randomUUID()}`,
      args: [{ pipeline, executionMode }],
    });
    const report = (await handle.result()) as RunReport;
    const place = join('runs', 'abalone', handle.firstExecutionRunId);
    const isOnS3 = executionMode === 'sagemaker' || inOtherMode.length > 0;
    const folder = isOnS3 ? join(s3.folder, bucket, 'sluice', place) : join(stage.home, 'storage', place);
    return { report, folder };
  };
  const jobEngines = ({ steps }: RunReport) => steps.flatMap(({ engine }) => engine ?? []);
  let local: Awaited<ReturnType<typeof run>>;
  const expectTheSame = async (folder: string) => {
    const files = (await filesBelow(local.folder)).filter((name) => !name.endsWith('model.tar.gz'));
    expect(files.length).toBeGreaterThanOrEqual(6);
    for (const name of files) {
      const [here, there] = await Promise.all([
        readFile(join(local.folder, name)),
        readFile(join(folder, name)),
      ]);
      expect(there.equals(here), name).toBe(true);
    }
    return files;
  };

  it('comes to the same data, report and predictions as on this machine, byte for byte', async () => {
    const [online, here] = await Promise.all([run('sagemaker'), run('local')]);
    local = here;
    expect(online.report).toMatchObject({ outcome: 'accepted', metric: local.report.metric! });
    expect(online.report.steps.map(({ engine }) => engine)).toEqual(
      local.report.steps.map(({ engine }) => (engine === null ? null : 'sagemaker')),
    );
    const files = await expectTheSame(online.folder);
    const ledger = await fetch(`${emulator.endpoint}/_emulator/ledger`);
    expect(await problemsInLedger((await ledger.json()) as Entry[])).toEqual([]);
    console.log(`The same, local and online: ${files.join(', ')}; error ${online.report.metric?.value}`);
  });

  it.each([
    ['local', ['train'], ['process', 'sagemaker', 'process', 'process']],
    ['local', ['preprocess', 'transform'], ['sagemaker', 'process', 'process', 'sagemaker']],
    ['sagemaker', ['train'], ['sagemaker', 'process', 'sagemaker', 'sagemaker']],
    ['sagemaker', ['evaluate', 'transform'], ['sagemaker', 'sagemaker', 'process', 'process']],
  ] as const)('comes to the same in mode %s with %j in the other mode', async (mode, steps, engines) => {
    const { report, folder } = await run(mode, steps);
    expect(jobEngines(report)).toEqual(engines);
    expect(report).toMatchObject({ outcome: 'accepted', metric: local.report.metric! });
    await expectTheSame(folder);
    // Versions are kept where the run is.
    expect(report.modelPackage).toMatchObject({ group: 'abalone' });
  });
});

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).sort();
}

/** `sluice emulator --execute`, its jobs as processes. */
async function startExecutingEmulator(env: Record<string, string>) {
  const port = await freePort();
  const command = [join(projectFolder, 'dist', 'cli.js'), 'emulator', '--execute', '--port', `${port}`];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, SLUICE_SKIP_SETUP: '1', SLUICE_LOCAL_ENGINE: 'process', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = once(child, 'exit');
  await until(() => said.includes('SageMaker emulator at'));
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGINT');
      await exited;
    },
  };
}
