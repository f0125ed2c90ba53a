import { format, resolveConfig } from 'prettier';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import type { ModelPackageRequest } from '../../src/core/registry.ts';
import { createBudget } from '../../src/engines/sagemaker/budget.ts';
import { createCalls } from '../../src/engines/sagemaker/calls.ts';
import { createClock } from '../../src/engines/sagemaker/clock.ts';
import { groupRequest, lineageProperties, packageRequest } from '../../src/registry/package-requests.ts';
import { createSageMakerRegistry } from '../../src/registry/sagemaker-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { until } from '../support/until.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';

const runId = '0f8c3c1e-5f0a-4c0e-9d3a-7c1b2e4d6f80';
const inference = {
  Image: '662702820516.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3',
  ModelDataUrl: 's3://bucket/sluice/runs/abalone/run-1/model/model.tar.gz',
  Environment: { SAGEMAKER_PROGRAM: 'inference.py' },
};
const model = { ExecutionRoleArn: 'arn:aws:iam::123456789012:role/Jobs', PrimaryContainer: inference };

const request = (changes: Partial<ModelPackageRequest> = {}): ModelPackageRequest => ({
  pipeline: 'abalone',
  group: 'abalone',
  approvalStatus: 'PendingManualApproval',
  clientToken: runId,
  modelName: 'abalone-model-1',
  inference,
  contentType: 'text/csv',
  accept: 'application/json',
  metric: {
    name: 'regression_metrics.mse.value',
    value: 4.36,
    comparison: 'lessThanOrEqualTo',
    threshold: 7,
    reportUri: 's3://bucket/sluice/runs/abalone/run-1/evaluate/evaluation/evaluation.json',
  },
  lineage: {
    workflowId: 'abalone #1',
    runId,
    executionMode: 'sagemaker',
    parameters: { mseThreshold: 7, note: '' },
    data: { uri: 's3://bucket/data.csv', sha256: 'ab', bytes: 3 },
    code: { uri: 's3://bucket/code', sha256: 'cd' },
    image: inference.Image,
    jobs: { train: 'abalone-train-1' },
  },
  tags: { team: 'shellfish' },
  ...changes,
});

describe('the requests', () => {
  it.each([
    ['group', groupRequest(request())],
    ['package', packageRequest(request({ description: 'Rings of abalones' }))],
  ])('that makes a %s is the one on file', async (what, body) => {
    const name = `fixtures/create-${what}.json`;
    const style = await resolveConfig(fileURLToPath(new URL(name, import.meta.url)));
    await expect(await format(JSON.stringify(body), { ...style, parser: 'json' })).toMatchFileSnapshot(name);
  });

  it('give what is too long for AWS by its hash', () => {
    const long = request({ lineage: { ...request().lineage, workflowId: 'w'.repeat(300) } });
    const properties = lineageProperties(long);
    expect(properties).not.toHaveProperty('temporal.workflow_id');
    expect(properties['temporal.workflow_id.sha256']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('give the version of large data on S3 instead of their hash', () => {
    const data = { uri: 's3://bucket/data', etags: 'cd', bytes: 1e12 };
    const properties = lineageProperties(request({ lineage: { ...request().lineage, data } }));
    expect(properties).toMatchObject({ 'data.uri': 's3://bucket/data', 'data.etags': 'cd' });
    expect(properties).not.toHaveProperty('data.sha256');
  });

  it('give parameters that are too many by their hash', () => {
    const parameters = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`p${at}`, at]));
    const properties = lineageProperties(request({ lineage: { ...request().lineage, parameters } }));
    expect(Object.keys(properties).length).toBeLessThanOrEqual(50);
    expect(properties['parameters.sha256']).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('against SageMaker', () => {
  let emulator: TestEmulator;
  let registry: Registry;

  beforeEach(async () => {
    emulator = await openEmulator();
    for (const [name, value] of Object.entries(emulator.env)) vi.stubEnv(name, value);
    const clock = createClock(100);
    registry = createSageMakerRegistry(
      createCalls(createSageMakerApi('us-east-1'), createBudget(clock), clock),
      clock,
    );
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await emulator.close();
  });
  const store = () => emulator.emulator.store.region('us-east-1');

  it('a model may be made again from the same request, not from another', async () => {
    await registry.createModel('model-1', model);
    await registry.createModel('model-1', model);
    expect(store().models.all()).toHaveLength(1);
    const other = { ...model, PrimaryContainer: { ...inference, ModelDataUrl: 's3://bucket/other.tar.gz' } };
    await expect(registry.createModel('model-1', other)).rejects.toMatchObject({ code: 'SpecMismatch' });
  });

  it('a model has the tags of its run and of the pipeline file', async () => {
    await registry.createModel('model-1', model, { tags: { 'sluice:workflow-id': 'a #1', team: 'shell' } });
    const [arn] = store()
      .models.all()
      .map((made) => made.arn);
    expect(await createSageMakerApi('us-east-1').call('ListTags', { ResourceArn: arn })).toMatchObject({
      Tags: [
        { Key: 'sluice:workflow-id', Value: 'a =231' },
        { Key: 'team', Value: 'shell' },
      ],
    });
  });

  it('a model whose creation was not answered is made once', async () => {
    emulator.fault({ fault: 'lost-response', operation: 'CreateModel', times: 1 });
    await registry.createModel('model-1', model);
    expect(store().models.all()).toHaveLength(1);
  });

  it('a model and a group whose creation was not answered may be unknown for a moment', async () => {
    const notYet = { fault: 'error', code: 'ValidationException' } as const;
    emulator.fault({ fault: 'lost-response', operation: 'CreateModel', times: 1 });
    emulator.fault({ ...notYet, operation: 'DescribeModel', times: 2 });
    await registry.createModel('model-1', model);
    emulator.fault({ fault: 'lost-response', operation: 'CreateModelPackageGroup', times: 1 });
    emulator.fault({ ...notYet, operation: 'DescribeModelPackageGroup', times: 3 });
    expect(await registry.register(request())).toMatchObject({ version: 1 });
    expect(store().models.all()).toHaveLength(1);
    expect(store().groups.all()).toHaveLength(1);
  });

  it('a model and a group that somebody made have a minute to appear before a refusal is believed', async () => {
    emulator.emulator.clock.setSpeed(100);
    emulator.fault({ fault: 'not-yet', seconds: 50 });
    await registry.createModel('model-1', model);
    await registry.createModel('model-1', model);
    const other = (clientToken: string) => registry.register(request({ clientToken }));
    await createSageMakerApi('us-east-1').call('CreateModelPackageGroup', groupRequest(request()));
    expect(await other('a')).toMatchObject({ version: 1 });
    expect(store().models.all()).toHaveLength(1);
  });

  it('what SageMaker refuses in a model is told as it says it', async () => {
    const wrong = { PrimaryContainer: { ...inference, ModelDataUrl: 'ftp://x' } };
    await expect(registry.createModel('model-1', wrong)).rejects.toMatchObject({ code: 'InvalidInput' });
  });

  it('versions count up, one for each client token', async () => {
    const first = await registry.register(request());
    expect(first).toEqual({ group: 'abalone', version: 1, approvalStatus: 'PendingManualApproval' });
    expect(await registry.register(request())).toEqual(first);
    expect(await registry.register(request({ clientToken: 'another' }))).toMatchObject({ version: 2 });
    expect(store().groups.all()).toHaveLength(1);
    expect(store().packages.all()).toHaveLength(2);
  });

  it.each(['lost-response', 'lost-request', 'throttle'] as const)(
    'one version is made when calls meet %s',
    async (fault) => {
      emulator.fault({ fault, operation: '*', times: 3 });
      expect(await registry.register(request())).toMatchObject({ version: 1 });
      expect(store().packages.all()).toHaveLength(1);
    },
  );

  it.each([
    ['a model', (signal: AbortSignal) => registry.createModel('model-1', model, { signal })],
    ['a version', (signal: AbortSignal) => registry.register(request(), signal)],
  ])('%s is given up while SageMaker throttles, when its run is cancelled', async (_what, make) => {
    emulator.fault({ fault: 'throttle' });
    const cancelled = new AbortController();
    const made = make(cancelled.signal);
    made.catch(() => undefined);
    await until(() => emulator.requests().length > 0);
    cancelled.abort(new Error('cancelled'));
    await expect(made).rejects.toThrow('cancelled');
  });

  it('runs that make a group at once share it', async () => {
    const versions = await Promise.all(
      ['a', 'b', 'c'].map((clientToken) => registry.register(request({ clientToken }))),
    );
    expect(versions.map(({ version }) => version).sort()).toEqual([1, 2, 3]);
    expect(store().groups.all()).toHaveLength(1);
  });
});
