import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import type { Json } from '../../src/core/expressions.ts';
import { searchAttributes } from '../../src/core/run.ts';
import { browser, describeBrowser, lookAt, withPage } from '../support/browser.ts';
import { sluice } from '../support/commands.ts';
import { until } from '../support/until.ts';
import { startServer, startWorkerProcess, type Running, type Server } from '../support/stack.ts';

const output = join(projectFolder, 'test-output', 'web-ui');
let home: string;
let server: Server;
let worker: Running;
let client: Client;

describeBrowser('the Web UI', () => {
  beforeAll(async () => {
    await mkdir(output, { recursive: true });
    home = await mkdtemp(join(tmpdir(), 'sluice-web-ui-'));
    server = await startServer({ dbFile: join(home, 'temporal.db') });
    worker = await startWorkerProcess({
      root: projectFolder,
      address: server.address,
      env: { SLUICE_HOME: home },
    });
    client = new Client({ connection: await Connection.connect({ address: server.address }) });
  });
  afterAll(async () => {
    await worker.stop();
    await client.connection.close();
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });

  const example = 'examples/abalone/pipeline.json';
  const start = (id: string, parameters: Record<string, number>, pipeline: Json = example) =>
    client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `${id}-${randomUUID().slice(0, 8)}`,
      args: [{ pipeline, parameters }],
      staticSummary: 'abalone (local)',
    });

  /** The example, whose training ends with an error. */
  const failing = async (): Promise<Json> => {
    const pipeline = JSON.parse(await readFile(join(projectFolder, example), 'utf8'));
    const script = 'echo "epoch 1 of 5"; echo "ValueError: could not convert Sex to a number" >&2; exit 1';
    pipeline.steps.train.entrypoint = ['/bin/sh', '-c', script];
    delete pipeline.steps.train.script;
    return pipeline as Json;
  };

  const look = (page: string, name: string, ...expected: readonly string[]) =>
    withPage(browser!, (tab) =>
      lookAt(tab, `${server.uiUrl}${page}`, join(output, `${name}.png`), ...expected),
    );

  /** For the docs. */
  const keep = async (picture: string, name: string) => {
    if (process.env.SLUICE_UPDATE_SCREENSHOTS !== '1') return;
    const images = join(projectFolder, 'docs', 'images');
    await mkdir(images, { recursive: true });
    await copyFile(join(output, `${picture}.png`), join(images, `${name}.png`));
  };

  it('shows an accepted run step by step, by name, with its table', async () => {
    const handle = await start('abalone', {});
    await handle.result();
    const run = `/namespaces/default/workflows/${handle.workflowId}/${handle.firstExecutionRunId}`;
    const steps = ['preprocess', 'train', 'evaluate', 'createModel', 'transform', 'registerModel'];
    const timeline = await look(`${run}/timeline`, 'accepted-timeline', ...steps);
    for (const step of steps) expect(timeline).toContain(step);
    const cells = ['✓ succeeded', 'regression_metrics.mse.value', 'accepted', 'version 1', 'abalone (local)'];
    const details = await look(`${run}/user-metadata`, 'accepted-table', ...cells);
    for (const cell of cells) expect(details).toContain(cell);
    const texts = [...Object.values(searchAttributes), 'abalone', 'local', 'accepted', '4.3'];
    const attributes = await look(`${run}/search-attributes`, 'accepted-search-attributes', ...texts);
    for (const text of texts) expect(attributes).toContain(text);
    await keep('accepted-timeline', 'web-ui-timeline');
    await keep('accepted-table', 'web-ui-table');
  });

  it('shows a schedule: when it runs, what it has run, why it is paused', async () => {
    const env = { TEMPORAL_ADDRESS: server.address, SLUICE_ROOT: projectFolder, SLUICE_HOME: home };
    const schedule = async (...args: string[]) => {
      const { code, stderr } = await sluice(['schedule', ...args], env);
      expect(code, stderr).toBe(0);
    };
    const file = join(projectFolder, 'examples', 'abalone', 'pipeline.json');
    await schedule(
      'create',
      file,
      '--id',
      'abalone-daily',
      '--cron',
      '0 3 * * *',
      '--time-zone',
      'Europe/Berlin',
    );
    await schedule('backfill', 'abalone-daily', '--start-time', '2026-11-25', '--end-time', '2026-11-26');
    const runs = async () =>
      (await client.schedule.getHandle('abalone-daily').describe()).info.recentActions.map(
        ({ action }) => action.workflow.workflowId,
      );
    await until(async () => (await runs()).length === 2);
    for (const workflowId of await runs()) await client.workflow.getHandle(workflowId).result();
    await schedule('pause', 'abalone-daily', '--reason', 'new sensor, see ticket 12');
    const texts = [
      ...['abalone-daily-2026-11-25', 'abalone-daily-2026-11-26'],
      ...['trainingPipeline', 'new sensor, see ticket 12'],
    ];
    const page = await look('/namespaces/default/schedules/abalone-daily', 'schedule', ...texts);
    for (const text of texts) expect(page).toContain(text);
    await keep('schedule', 'web-ui-schedule');
  });

  it('says of a rejected run which metric, value and threshold', async () => {
    const handle = await start('abalone-rejected', { mseThreshold: 3 });
    await handle.result().catch(() => undefined);
    const run = `/namespaces/default/workflows/${handle.workflowId}/${handle.firstExecutionRunId}`;
    const words = ['QualityGateRejected', '≤ 3 does not hold'];
    const history = await look(`${run}/history`, 'rejected-history', ...words);
    for (const word of words) expect(history).toContain(word);
  });

  it('says of a run that failed which job, why, and the last lines of its log', async () => {
    const handle = await start('abalone-failed', {}, await failing());
    await handle.result().catch(() => undefined);
    const run = `/namespaces/default/workflows/${handle.workflowId}/${handle.firstExecutionRunId}`;
    const words = [
      'train: abalone-train-',
      'exit code 1',
      'epoch 1 of 5',
      'ValueError: could not convert Sex to a number',
      'mend the script and start a new run',
    ];
    const history = await look(`${run}/history`, 'failed-history', ...words);
    for (const word of words) expect(history).toContain(word);
    const cells = ['✗ failed', 'abalone (local)', ...words];
    const details = await look(`${run}/user-metadata`, 'failed-table', ...cells);
    for (const cell of cells) expect(details).toContain(cell);
  });
});
