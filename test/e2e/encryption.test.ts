import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFolder, readConfig } from '../../src/config.ts';
import { loadDataConverter } from '../../src/data-converter.ts';
import { command, sluice } from '../support/commands.ts';
import { payloadsOf } from '../support/payloads.ts';
import { uniqueSeconds } from '../support/shell-jobs.ts';
import { temporalCli } from '../support/toolchain.ts';
import { startReceiver } from '../support/world.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';

const secret = 'PLAINTEXT-4711';
const origin = 'https://ui.example';

describe.skipIf(process.platform !== 'linux')('a run with encrypted payloads', () => {
  let stage: TrainingStage;
  let env: Record<string, string>;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let codecServer: ChildProcess | undefined;
  let codecUrl: string;
  const workflowId = 'encrypted-1';

  beforeAll(async () => {
    receiver = await startReceiver();
    stage = await openTrainingStage('encryption');
    const keyFile = join(stage.folder, 'keys');
    await writeFile(keyFile, `now:${randomBytes(32).toString('base64')}\n`);
    env = { ...stage.env, SLUICE_ENCRYPTION_KEYS_FILE: keyFile };
    await stage.startWorker({ SLUICE_ENCRYPTION_KEYS_FILE: keyFile });
    const steps = {
      train: { entrypoint: ['sh', '-c', `echo it broke: ${secret} >&2; exit 3`] },
      notify: [{ webhook: `${receiver.url}/${secret}`, text: secret }],
    };
    const pipeline = stage.root.pipeline('failing', uniqueSeconds(0), steps);
    const file = join(stage.folder, 'pipeline.json');
    await writeFile(file, JSON.stringify({ ...pipeline, description: secret }));
    const started = await sluice(['run', file, '--detach', '--workflow-id', workflowId], env);
    expect(started).toMatchObject({ code: 0 });
    await expect(stage.client.workflow.getHandle(workflowId).result()).rejects.toThrow();

    const args = [join(projectFolder, 'dist', 'cli.js'), 'codec-server', '--port', '0', '--origin', origin];
    codecServer = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: codecServer.stdout! })) {
      codecUrl = /Codec server at (\S+),/.exec(line)![1]!;
      break;
    }
  });
  afterAll(async () => {
    if (codecServer?.exitCode === null) {
      const ended = once(codecServer, 'exit');
      codecServer.kill('SIGTERM');
      await ended;
    }
    await receiver.close();
    await stage.close();
  });

  it('tells others what happened', () => {
    expect(receiver.deliveries[0]!.body).toMatchObject({ text: secret, code: 'JobFailed' });
  });

  it('has nothing in its history that is of the pipeline, its jobs or its failure', async () => {
    const history = await stage.client.workflow.getHandle(workflowId).fetchHistory();
    const shown = historyToJSON(history);
    const payloads = payloadsOf(shown);
    expect(payloads.length).toBeGreaterThan(10_000);
    for (const text of [shown, payloads])
      expect(text).not.toMatch(/PLAINTEXT|it broke|entrypoint|preprocess-/);
    expect(shown).toContain('Encoded failure');
    // What it is found by stays readable.
    expect(shown).toContain(Buffer.from('"small"').toString('base64'));
  });

  it('is shown by the commands that have the key, and by no other', async () => {
    const shown = await sluice(['status', workflowId, '--json'], env);
    expect(shown.stdout).toContain(secret);
    expect(JSON.parse(shown.stdout)).toMatchObject({ outcome: 'failed', failure: { code: 'JobFailed' } });
    const without = await sluice(['status', workflowId, '--json'], stage.env);
    expect(without.code).not.toBe(0);
    expect(without.stderr).toContain('is encrypted with the key "now": set SLUICE_ENCRYPTION_KEYS');
    expect(without.stdout + without.stderr).not.toContain(secret);
  });

  it('is decoded for the Web UI and the Temporal CLI by the codec server', async () => {
    const { events = [] } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
    const [input] = events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads!;
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    const metadata = Object.fromEntries(
      Object.entries(input!.metadata!).map(([name, value]) => [name, base64(value)]),
    );
    const answer = await fetch(`${codecUrl}/decode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-namespace': 'default', origin },
      body: JSON.stringify({ payloads: [{ metadata, data: base64(input!.data!) }] }),
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    const { payloads } = (await answer.json()) as { payloads: { data: string }[] };
    expect(JSON.parse(Buffer.from(payloads[0]!.data, 'base64').toString())).toMatchObject({
      pipeline: { description: secret },
    });
    const show = ['workflow', 'show', '--workflow-id', workflowId, '--address', stage.address, '-o', 'json'];
    const shown = async (...more: string[]) =>
      payloadsOf((await command(temporalCli(), [...show, ...more])).stdout);
    expect(await shown()).not.toContain(secret);
    expect(await shown('--codec-endpoint', codecUrl)).toContain(secret);
  });

  it('is replayed with the same data converter and bundle', async () => {
    const history = await stage.client.workflow.getHandle(workflowId).fetchHistory();
    const config = readConfig(env);
    await Worker.runReplayHistory(
      {
        workflowBundle: { codePath: join(projectFolder, 'dist', 'workflow-bundle-encrypted.js') },
        dataConverter: await loadDataConverter(config),
      },
      history,
      workflowId,
    );
  });

  it('may be started by somebody who has no key', async () => {
    const pipeline = stage.root.pipeline('failing', uniqueSeconds(0));
    const handle = await stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: 'typed-by-hand',
      args: [{ pipeline }],
    });
    await expect(handle.result()).rejects.toThrow();
    const shown = await sluice(['status', 'typed-by-hand', '--json'], env);
    expect(JSON.parse(shown.stdout)).toMatchObject({ failure: { code: 'JobFailed' } });
  });
});
