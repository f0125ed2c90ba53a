import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/cli/doctor/check.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openCloudStage, type CloudStage } from '../support/cloud-stage.ts';
import { command, sluice } from '../support/commands.ts';
import { folderPerTest } from '../support/folders.ts';
import { freePort, freePorts } from '../support/ports.ts';
import { describeS3 } from '../support/s3-server.ts';
import { startServer, type Server } from '../support/stack.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { temporalCli } from '../support/toolchain.ts';
import { until } from '../support/until.ts';

withoutAwsSettings(folderPerTest());

type Env = Record<string, string | undefined>;

/** What the doctor says, by what it looked at. */
async function examine(
  env: Env,
  ...options: string[]
): Promise<{ code: number; ok: boolean; found: Map<string, Check> }> {
  const { code, stdout } = await sluice(['doctor', '--json', ...options], {
    SLUICE_LOCAL_ENGINE: 'process',
    ...env,
  });
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
  return { code, ok, found: new Map(checks.map((check) => [check.what, check])) };
}

const failures = (found: ReadonlyMap<string, Check>) =>
  [...found.values()].filter(({ state }) => state === 'failure').map(({ what }) => what);

describe('sluice doctor', () => {
  let stage: Stage;
  let ports: { health: number; metrics: number };
  let env: Env;
  beforeAll(async () => {
    stage = await openStage('doctor');
    const [health, metrics] = (await freePorts(2)) as [number, number];
    ports = { health, metrics };
    const endpoints = { SLUICE_HEALTH_PORT: `0.0.0.0:${health}`, SLUICE_METRICS_PORT: `0.0.0.0:${metrics}` };
    env = { ...stage.env, ...endpoints };
    await stage.startWorker(endpoints);
  });
  afterAll(() => stage.close());

  it('finds a deployment healthy, and says what it consists of', async () => {
    const { code, ok, found } = await examine(env);
    expect({ code, ok, failed: failures(found) }).toEqual({ code: 0, ok: true, failed: [] });
    expect(found.get('Temporal server')?.said).toBe(`${stage.address} (TEMPORAL_ADDRESS or profile)`);
    expect(found.get('namespace')?.said).toMatch(/^default; runs are kept for \d+ days?/);
    expect(found.get('search attributes')?.state).toBe('ok');
    expect(found.get('workers')?.said).toMatch(/^sluice@\S+:\d+ at the queue sluice$/);
    expect(found.get('workers for local runs')?.said).toMatch(/ at the queue sluice-local$/);
    expect(found.get('jobs of this home')?.said).toMatch(/ at the queue sluice-local-\S+-jobs$/);
    expect(found.get('health')).toMatchObject({
      state: 'ok',
      said: `http://127.0.0.1:${ports.health}/readyz`,
    });
    expect(found.get('metrics')).toMatchObject({
      state: 'ok',
      said: `http://127.0.0.1:${ports.metrics}/metrics`,
    });
    expect(found.get('AWS')).toMatchObject({
      state: 'note',
      said: expect.stringContaining('`--aws` looks all the same'),
    });
  });

  it('says one line each', async () => {
    const { stdout, stderr } = await sluice(['doctor'], env);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ok +Temporal server +127\.0\.0\.1:\d+ /m);
    for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^(ok|note|warning) +\S/);
  });

  it('finds a server that is not there', async () => {
    const { code, ok, found } = await examine({ ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect({ code, ok, failed: failures(found) }).toEqual({
      code: 1,
      ok: false,
      failed: ['Temporal server'],
    });
    expect(found.get('Temporal server')).toMatchObject({
      said: expect.stringContaining('No Temporal server answers at 127.0.0.1:1'),
      todo: 'start it, or correct TEMPORAL_ADDRESS or the profile',
    });
  });

  it('finds that the namespace is not there', async () => {
    const { code, found } = await examine({ ...env, TEMPORAL_NAMESPACE: 'ml' });
    expect([code, failures(found)]).toEqual([1, ['namespace']]);
    expect(found.get('namespace')).toMatchObject({
      said: 'there is no ml',
      todo: '`temporal operator namespace create --namespace ml`, then `sluice setup`',
    });
  });

  it('finds that no worker polls, and that none answers where it should', async () => {
    const none = await freePort();
    const { code, found } = await examine({
      ...env,
      SLUICE_TASK_QUEUE: 'other',
      SLUICE_HEALTH_PORT: `${none}`,
      SLUICE_METRICS_PORT: `${none}`,
    });
    expect([code, failures(found)]).toEqual([
      1,
      ['workers', 'workers for local runs', 'jobs of this home', 'health', 'metrics'],
    ]);
    expect(found.get('workers')).toMatchObject({
      said: 'none polls the queue other',
      todo: 'start one with `sluice worker`',
    });
    expect(found.get('metrics')?.said).toMatch(/^nothing answers at http:\S+ \(.*ECONNREFUSED.*\)$/);
    // Another worker may serve local runs.
    const main = await examine({ ...env, SLUICE_TASK_QUEUE: 'other', SLUICE_QUEUES: 'main' });
    expect(failures(main.found)).toEqual(['workers']);
  });

  it('finds another program at the port of the metrics', async () => {
    const { found } = await examine({ ...env, SLUICE_METRICS_PORT: `${ports.health}` });
    expect(found.get('metrics')?.said).toMatch(/ is not answered by a worker that is ready$/);
  });

  it('finds that a deployment has no current version, so that new runs wait', async () => {
    const version = {
      SLUICE_TASK_QUEUE: 'versioned',
      SLUICE_HOME: join(stage.folder, 'versioned'),
      TEMPORAL_DEPLOYMENT_NAME: 'doctors',
      TEMPORAL_WORKER_BUILD_ID: 'v1',
    };
    const look = async () => (await examine({ ...stage.env, ...version })).found;
    const setCurrent =
      '`temporal worker deployment set-current-version --deployment-name doctors --build-id v1`';
    const before = await look();
    expect(before.get('worker version')).toMatchObject({
      state: 'failure',
      said: 'no worker of the deployment doctors has been there',
    });
    await stage.startWorker(version);
    // The server learns of a deployment, and of who polls, by and by.
    let found = before;
    await until(async () => {
      found = await look();
      const isKnown = found.get('worker version')?.said !== before.get('worker version')?.said;
      return isKnown && failures(found).length === 1;
    });
    expect(failures(found)).toEqual(['worker version']);
    expect(found.get('worker version')).toMatchObject({
      said: 'doctors has no current version: new runs wait',
      todo: setCurrent,
    });
    const made = await command(temporalCli(), setCurrent.slice(10, -1).split(' ').concat('--yes'), stage.env);
    expect(made.code, made.stderr).toBe(0);
    expect((await look()).get('worker version')).toMatchObject({
      state: 'ok',
      said: 'v1 is the current one of doctors',
    });
  });

  it('asks for no Python and no Temporal CLI where none is needed', async () => {
    const nothing = { SLUICE_PYTHON: '/nowhere', SLUICE_LOCAL_ENGINE: 'process' };
    expect(failures((await examine({ ...env, ...nothing })).found)).toContain('Python environment');
    const main = await examine({ ...env, ...nothing, SLUICE_QUEUES: 'main' });
    expect([main.code, failures(main.found)]).toEqual([0, []]);
    const bare = join(stage.folder, 'python-without-scikit-learn');
    await writeFile(bare, '#!/bin/sh\ncase "$*" in *sklearn*) exit 1;; esac\necho 3.11.2\n', { mode: 0o755 });
    const look = async (engine: string) =>
      (await examine({ ...env, SLUICE_PYTHON: bare, SLUICE_LOCAL_ENGINE: engine })).found.get(
        'Python environment',
      );
    expect(await look('container')).toMatchObject({ state: 'ok', said: `3.11.2 (${bare})` });
    expect((await look('process'))?.state).toBe('failure');
  });

  it('finds keys that encrypt nothing', async () => {
    const { found } = await examine({ ...env, SLUICE_ENCRYPTION_KEYS: 'not-a-key' });
    expect(failures(found)).toEqual(['encryption']);
  });

  describe('of a namespace without its search attributes', () => {
    let server: Server;
    beforeAll(async () => {
      server = await startServer({ dbFile: join(stage.folder, 'bare.db'), searchAttributes: false });
    });
    afterAll(() => server.stop());
    const look = async () => (await examine({ ...env, TEMPORAL_ADDRESS: server.address })).found;

    it('warns of those that are missing, and fails at one that is of another type', async () => {
      expect((await look()).get('search attributes')).toMatchObject({
        state: 'warning',
        said: expect.stringContaining(
          'SluicePipeline, SluiceExecutionMode, SluiceOutcome, SluiceMetricValue not',
        ),
        todo: '`sluice setup` registers them',
      });
      const register = [
        'operator',
        'search-attribute',
        'create',
        '--name',
        'SluiceOutcome',
        '--type',
        'Text',
      ];
      const added = await sluice(['temporal', ...register], { ...env, TEMPORAL_ADDRESS: server.address });
      expect(added.code, added.stderr).toBe(0);
      expect((await look()).get('search attributes')).toMatchObject({
        state: 'failure',
        said: 'SluiceOutcome have another type',
      });
    });
  });
});

describeS3('sluice doctor, of AWS,', () => {
  let stage: CloudStage;
  beforeAll(async () => {
    stage = await openCloudStage('doctor-aws');
    await stage.startWorker();
  });
  beforeEach(() => useAwsSettings(stage.awsEnv));
  afterAll(() => stage.close());
  const look = (settings: Env = {}) => examine({ ...stage.env, ...stage.awsEnv, ...settings });

  it('names identity, role and bucket', async () => {
    const { code, found } = await look();
    expect([code, failures(found)]).toEqual([0, []]);
    expect(found.get('AWS identity')?.said).toMatch(/^arn:aws:\S+, account 123456789012, region us-east-1$/);
    expect(found.get('AWS role')?.said).toMatch(/^arn:aws:iam::123456789012:role\/SluiceJobs; whether/);
    expect(found.get('AWS bucket')).toMatchObject({
      state: 'note',
      said: 'sagemaker-us-east-1-123456789012 is not there yet; the first run makes it',
    });
    expect(found.get('SageMaker')).toMatchObject({ state: 'ok' });
    stage.s3.makeBucket('mine');
    expect((await look({ SLUICE_BUCKET: 'mine' })).found.get('AWS bucket')).toMatchObject({
      state: 'ok',
      said: 'mine',
    });
    expect((await look()).found.get('AWS bucket')?.state).toBe('note');
  });

  it('needs no permission that only a sweep needs', async () => {
    stage.emulator.fault({ fault: 'error', operation: 'List*', code: 'AccessDeniedException' });
    const { code, found } = await look();
    stage.emulator.clearFaults();
    expect([code, failures(found)]).toEqual([0, []]);
    expect(found.get('SageMaker')?.state).toBe('ok');
    // Of no job, where the policy names a prefix.
    stage.emulator.fault({ fault: 'error', operation: 'Describe*', code: 'AccessDeniedException' });
    const limited = await look();
    stage.emulator.clearFaults();
    expect(limited.found.get('SageMaker')?.state).toBe('note');
  });

  it('finds a bucket that is not there, and a role of another account', async () => {
    const role = 'arn:aws:iam::999999999999:role/SluiceJobs';
    const { code, found } = await look({ SLUICE_BUCKET: 'nowhere', SLUICE_ROLE: role });
    expect([code, failures(found)]).toEqual([1, ['AWS role', 'AWS bucket']]);
    expect(found.get('AWS bucket')?.said).toMatch(/^There is no bucket "nowhere": correct .* or make it/);
    expect(found.get('AWS role')?.said).toMatch(/is of account 999999999999/);
  });

  it('finds credentials that are wrong, expired, or missing', async () => {
    const wrong = await look({ AWS_SECRET_ACCESS_KEY: 'wrong' });
    expect([wrong.code, failures(wrong.found)]).toEqual([1, ['AWS bucket']]);
    stage.emulator.fault({ fault: 'expired-credentials' });
    const expired = await look();
    stage.emulator.clearFaults();
    expect([expired.code, failures(expired.found)]).toEqual([1, ['AWS identity']]);
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const missing = await look(none);
    expect([missing.code, failures(missing.found)]).toEqual([1, ['AWS identity']]);
    expect(missing.found.get('AWS identity')?.said).toMatch(/finds no valid credentials/);
    // Nobody may want them.
    const unwanted = { ...stage.env, ...stage.awsEnv, ...none, SLUICE_ROLE: undefined };
    expect(failures((await examine(unwanted)).found)).toEqual([]);
    expect(failures((await examine(unwanted, '--aws')).found)).toEqual(['AWS identity']);
  });
});
