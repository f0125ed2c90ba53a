import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createLogsApi, type LogsApi } from '../../src/aws/cloudwatch-logs.ts';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import { openMachine } from '../../src/cli/emulator-machine.ts';
import { readConfig } from '../../src/config.ts';
import type { JobRequest } from '../../src/core/jobs.ts';
import { createEngineExecutor } from '../../src/emulator/engine-executor.ts';
import { startEmulator, clientEnv } from '../../src/emulator/start.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { createBudget } from '../../src/engines/sagemaker/budget.ts';
import { createClock } from '../../src/engines/sagemaker/clock.ts';
import { createSageMakerEngine } from '../../src/engines/sagemaker/engine.ts';
import { logTail } from '../../src/engines/sagemaker/log-tail.ts';
import { frameworkImageUri } from '../../src/engines/sagemaker/images.ts';
import { startS3Server } from '../support/s3-server.ts';
import type { ConformanceTarget, Files } from './contract.ts';
import { readFiles } from './local-storage.ts';

const region = 'us-east-1';
const RoleArn = 'arn:aws:iam::123456789012:role/sluice';
const bucket = 'conformance';
/** SageMaker's 120 s would be those of every case that is deaf; a script that obeys needs more than one where many run at once. */
const graceSeconds = 5;
/** Calls cost nothing here, and nobody waits for them. */
const pollMs = 200;

export interface SageMakerTarget {
  target: ConformanceTarget;
  close(): Promise<void>;
}

/** Sluice's engine of SageMaker, the emulator by HTTP, which runs jobs in containers, and a real S3 server. */
export async function openSageMakerTarget(skip: ConformanceTarget['skip']): Promise<SageMakerTarget> {
  const home = mkdtempSync(join(tmpdir(), 'sluice-conformance-'));
  const server = await startS3Server();
  server.makeBucket(bucket);
  const machine = await openMachine(
    readConfig({ ...process.env, SLUICE_HOME: home, SLUICE_LOCAL_ENGINE: 'container' }),
    graceSeconds,
  );
  const { emulator, endpoint, close } = await startEmulator({
    executor: (clock, script) => createEngineExecutor(clock, script, machine),
  });
  // A token of this machine's own credentials would not go with those of the server.
  Object.assign(process.env, clientEnv(endpoint, region), server.env, { AWS_SESSION_TOKEN: '' });
  const api = createSageMakerApi(region);
  const logs = createLogsApi(region);
  const image = frameworkImageUri({ name: 'sklearn', version: '1.2-1' }, region);
  const placeOf = (uri: string) => join(server.folder, uri.slice('s3://'.length));
  const uriOf = (key: string) => `s3://${bucket}/${key}`;

  const putInput = async (files: Files) => {
    const uri = uriOf(`inputs/${randomUUID()}`);
    // The server keeps objects as files.
    for (const [name, content] of Object.entries(files)) {
      const path = join(placeOf(uri), name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    return uri;
  };
  const target: ConformanceTarget = {
    name: 'sagemaker',
    engine: forCases(createSageMakerEngine({ api, logs, budget: createBudget(createClock(1000)) }), logs),
    image,
    skip,
    putInput,
    outputUri: (name) => uriOf(`outputs/${name}`),
    readOutput: (uri) => readFiles(placeOf(uri)),
    async createModel(archive, environment) {
      const ModelName = `model-${randomUUID()}`;
      const folder = await putInput({ 'model.tar.gz': archive });
      await api.call('CreateModel', {
        ModelName,
        ExecutionRoleArn: RoleArn,
        PrimaryContainer: { Image: image, ModelDataUrl: `${folder}/model.tar.gz`, Environment: environment },
      });
      return ModelName;
    },
    printed(name) {
      const [job] = emulator.find(name);
      const file = job === undefined ? null : emulator.executor.logFile(job);
      return Promise.resolve(file === null ? '' : readFileSync(file, 'utf8'));
    },
  };
  return {
    target,
    async close() {
      await close();
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/**
 * The requests of the cases have no role, which the plan of a pipeline sets; and they want the log of every job, of which the engine
 * reads only those that failed.
 */
function forCases(engine: Engine, logs: LogsApi): Engine {
  return {
    ...engine,
    ensure(name, job, signal) {
      const role = job.kind !== 'Transform' && { body: { RoleArn, ...job.body } };
      return engine.ensure(name, { ...job, ...role } as JobRequest, signal);
    },
    async describe(ref, signal) {
      const state = await engine.describe(ref, signal);
      if (state.status !== 'succeeded' && state.status !== 'stopped') return state;
      const arn = state.remote?.arn ?? '';
      return { ...state, logTail: await logTail(logs, ref.kind!, ref.name, { arn, createdAt: new Date(0) }) };
    },
    pollIntervalMs: () => pollMs,
  };
}
