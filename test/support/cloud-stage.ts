import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { createS3 } from '../../src/aws/s3.ts';
import type { Executor } from '../../src/emulator/executor.ts';
import type { Life, ScriptFile } from '../../src/emulator/script.ts';
import { createScriptedExecutor } from '../../src/emulator/scripted-executor.ts';
import type { WriteObject } from '../../src/emulator/scripted-outputs.ts';
import type { StartOptions } from '../../src/emulator/start.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import type { S3Storage } from '../../src/storage/storage.ts';
import { useAwsSettings } from './aws-env.ts';
import { openEmulator, type TestEmulator } from './emulator.ts';
import { startS3Server, type S3Server } from './s3-server.ts';
import { openStage, type Stage } from './stage.ts';

/** A stage with an account of AWS beside it: the emulator and a real S3 server. */
export interface CloudStage extends Stage {
  readonly emulator: TestEmulator;
  readonly s3: S3Server;
  /** All that is in the bucket of the account. */
  readonly bucket: S3Storage;
  /** What a worker or command needs to work in that account. */
  readonly awsEnv: Readonly<Record<string, string>>;
}

export interface CloudStageOptions extends Omit<StartOptions, 'write' | 'executor'> {
  root?: string;
  /** What a scripted job has printed. */
  logFile?: Executor['logFile'];
}

const accountId = '123456789012';
/** Of the default session: the emulator's account, the region of `clientEnv`. */
export const bucketName = `sagemaker-us-east-1-${accountId}`;

/** Tests that speak to the account themselves call `useAwsSettings(stage.awsEnv)`; see `withoutAwsSettings`. */
export async function openCloudStage(
  name: string,
  { root, logFile, ...options }: CloudStageOptions = {},
): Promise<CloudStage> {
  const s3 = await startS3Server(accountId);
  useAwsSettings(s3.env);
  const bucket = createS3Storage(createS3(), `s3://${bucketName}`);
  const write: WriteObject = (uri, bytes) => bucket.write(uri, Readable.from([bytes]));
  const emulator = await openEmulator({
    ...options,
    executor: (clock, script) => ({
      ...createScriptedExecutor(clock, script, write),
      ...(logFile && { logFile }),
    }),
  });
  const awsEnv = {
    ...emulator.env,
    // Nobody serves logs.
    AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: emulator.endpoint,
    ...s3.env,
    SLUICE_ROLE: 'SluiceJobs',
    SLUICE_EMULATOR_SPEED: String(options.speed ?? 1),
  };
  const stage = await openStage(name, root === undefined ? {} : { root });
  return {
    ...stage,
    emulator,
    s3,
    bucket,
    awsEnv,
    startWorker: (env) => stage.startWorker({ ...awsEnv, ...env }),
    close: async () => {
      await stage.close();
      await emulator.close();
      await s3.stop();
    },
  };
}

/** A `model.tar.gz` with one file. */
export async function modelArchive(name: string, content: string): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name }, content);
  archive.finalize();
  return gzipSync(await buffer(archive));
}

/** How the jobs of `smallPipeline` go: at once, and they leave what a real one would. @param mse - that the report has. */
export async function smallScript(mse: number, life: Life = {}): Promise<ScriptFile> {
  const model = (await modelArchive('model.joblib', 'a model')).toString('base64');
  const text = (content: string) => ({ text: content });
  const writes = {
    preprocess: { 'train/train.csv': text('1,2\n'), 'test/test.csv': text('3,4\n') },
    train: { 'output/model.tar.gz': { base64: model } },
    evaluate: { 'evaluation/evaluation.json': text(JSON.stringify({ metrics: { mse } })) },
    transform: { 'batch.csv.out': text('1\n2\n3\n') },
  };
  return {
    jobs: Object.entries(writes).map(([step, objects]) => ({
      job: `small-${step}-*`,
      life: { ...life, writes: objects },
    })),
  };
}
