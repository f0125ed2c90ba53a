import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { liveJob } from '../live-job.ts';
import { doubling, inference } from '../scripts.ts';
import { sdk, sources } from '../sources.ts';

const kind = 'Transform';
const succeeded = { status: 'succeeded' };
const failed = { status: 'failed', code: 'JobFailed' };
const numbers = { 'in.csv': '1\n2\n3\n4\n' };
const counting = (parameters: string) =>
  inference(
    'return [str(len(lines))] * len(lines)',
    `def execution_parameters_fn():\n    return ${parameters}\n`,
  );
const single = '{"BatchStrategy": "SINGLE_RECORD", "MaxConcurrentTransforms": 2, "MaxPayloadInMB": 1}';

const noOutput: ConformanceCase['verify'] = async ({ output }) => {
  expect((await output()).size).toBe(0);
};

const servers: ConformanceCase[] = [
  {
    id: 'serve-environment',
    title:
      'SAGEMAKER_BATCH, _BATCH_STRATEGY, _MAX_PAYLOAD_IN_MB and _MAX_CONCURRENT_TRANSFORMS tell the server',
    source: sources.transformRun,
    kind,
    job: (lab) =>
      lab.transform(inference('return json.dumps(dict(os.environ))'), {
        input: { 'in.json': '{}' },
        split: 'None',
        accept: 'application/json',
        strategy: 'SingleRecord',
        maxPayloadMb: 3,
        concurrent: 2,
        modelEnvironment: { OF_THE_MODEL: 'm', OF_BOTH: 'model' },
        environment: { OF_THE_JOB: 'j', OF_BOTH: 'job' },
      }),
    ends: succeeded,
    async verify({ output }) {
      expect(JSON.parse((await output()).get('in.json.out')!)).toMatchObject({
        SAGEMAKER_BATCH: expect.stringMatching(/^true$/i),
        SAGEMAKER_BATCH_STRATEGY: 'SINGLE_RECORD',
        SAGEMAKER_MAX_PAYLOAD_IN_MB: '3',
        SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: '2',
        OF_THE_MODEL: 'm',
        OF_THE_JOB: 'j',
        OF_BOTH: 'job',
      });
    },
  },
  {
    id: 'serve-environment-defaults',
    title: 'Without settings these variables are the defaults: MULTI_RECORD, 6 and 1',
    source: sources.transformRun,
    kind,
    job: (lab) =>
      lab.transform(inference('return json.dumps(dict(os.environ))'), {
        input: { 'in.json': '{}' },
        split: 'None',
        accept: 'application/json',
      }),
    ends: succeeded,
    async verify({ output }) {
      expect(JSON.parse((await output()).get('in.json.out')!)).toMatchObject({
        SAGEMAKER_BATCH_STRATEGY: 'MULTI_RECORD',
        SAGEMAKER_MAX_PAYLOAD_IN_MB: '6',
        SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: '1',
      });
    },
  },
  {
    id: 'serve-model-folder',
    title: 'model.tar.gz is unpacked at /opt/ml/model, with the code in code/',
    source: sources.inferenceToolkit,
    kind,
    job: (lab) =>
      lab.transform(
        inference('return [model, open(ML + "/model/weights.txt").read()]').replace(
          'return model_dir\n',
          'return os.path.relpath(model_dir, ML) + " " + ",".join(sorted(os.listdir(model_dir)))\n',
        ),
        { input: { 'in.csv': '1\n2\n' }, model: { 'weights.txt': 'w' } },
      ),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('model code,weights.txt\nw\n');
    },
  },
  {
    id: 'serve-transform-fn',
    title:
      'transform_fn alone gets model, body, content type and Accept, and may return the body with its type',
    source: sources.inferenceToolkit,
    kind,
    job: (lab) =>
      lab.transform(
        `
def model_fn(model_dir): return 10
def transform_fn(model, body, content_type, accept):
    return "%s %s %s" % (model, type(body).__name__, content_type), accept`,
        { input: { 'in.csv': '1\n' } },
      ),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('10 str text/csv\n');
    },
  },
  {
    id: 'serve-four-functions',
    title: 'model_fn, input_fn, predict_fn and output_fn work in the place of transform_fn',
    source: sources.inferenceToolkit,
    kind,
    job: (lab) =>
      lab.transform(
        `
def model_fn(model_dir): return 10
def input_fn(body, content_type): return [int(line) for line in body.split()]
def predict_fn(rows, model): return [row * model for row in rows]
def output_fn(predictions, accept): return "\\n".join(map(str, predictions)), accept`,
        { input: numbers },
      ),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('10\n20\n30\n40\n');
    },
  },
  {
    id: 'serve-parameters',
    title: '/execution-parameters decides what the request leaves open',
    source: sources.transformRun,
    kind,
    job: (lab) => lab.transform(counting(single), { input: numbers }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('1\n1\n1\n1\n');
    },
  },
  {
    id: 'serve-parameters-precedence',
    title: 'The request comes before /execution-parameters',
    source: sources.transformRun,
    kind,
    job: (lab) => lab.transform(counting(single), { input: numbers, strategy: 'MultiRecord' }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('4\n4\n4\n4\n');
    },
  },
  {
    id: 'serve-two-at-once',
    title: 'Two transforms at once use no common port, and each gets the answers of its own model',
    source: sdk(2020),
    kind,
    job: (lab) => lab.transform(doubling, { input: numbers }),
    async act(job, lab) {
      const tenfold = inference('return [str(10 * int(line)) for line in lines]');
      const request = await lab.transform(tenfold, { input: numbers, output: 'other' });
      const other = liveJob(lab.target, `${job.name}-2`, request);
      await Promise.all([job.ensure(), other.ensure()]);
      expect(await other.ended()).toMatchObject({ status: 'succeeded' });
      const written = await lab.target.readOutput(request.body.TransformOutput.S3OutputPath);
      expect(written.get('in.csv.out')?.toString()).toBe('10\n20\n30\n40\n');
    },
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('2\n4\n6\n8\n');
    },
  },
];

const failures: ConformanceCase[] = [
  {
    id: 'serve-500',
    title: 'A 500 fails the job, and no .out holds the error page',
    source: sources.localMode,
    kind,
    job: (lab) => lab.transform(inference('raise RuntimeError("broken")'), { input: numbers }),
    ends: { ...failed, reason: expect.stringContaining('500') },
    verify: noOutput,
  },
  {
    id: 'serve-bad-record',
    title: 'A bad record fails the job, and the file that it is in gets no .out',
    source: sources.transformGuide,
    kind,
    job: (lab) => lab.transform(doubling, { input: { 'good.csv': '1\n', 'bad.csv': '1\nx\n' } }),
    ends: { ...failed, reason: expect.stringContaining('bad.csv') },
    async verify({ output }) {
      expect((await output()).has('bad.csv.out')).toBe(false);
    },
  },
  {
    id: 'serve-fewer-predictions',
    title: 'Fewer predictions than records fail the job: one of 627 is not success',
    source: 'amazon-sagemaker-examples: sm-pipelines_local_mode',
    kind,
    job: (lab) =>
      lab.transform(inference('return lines[:1]'), {
        input: { 'in.csv': Array.from({ length: 627 }, (_, index) => `${index}\n`).join('') },
      }),
    ends: { ...failed, reason: expect.stringMatching(/627.* 1\b/) },
    verify: noOutput,
  },
  {
    id: 'serve-more-predictions',
    title: 'More predictions than records fail the job, too',
    source: sources.sluice,
    kind,
    job: (lab) => lab.transform(inference('return lines + ["5"]'), { input: numbers }),
    ends: { ...failed, reason: expect.stringMatching(/\b4 .* 5\b/) },
    verify: noOutput,
  },
  {
    id: 'serve-process-dies',
    title: 'A server that dies in the middle fails the job',
    source: sources.localMode,
    kind,
    job: (lab) =>
      lab.transform(inference('if lines == ["3"]: os._exit(1)\nreturn lines'), {
        input: numbers,
        strategy: 'SingleRecord',
      }),
    ends: failed,
    verify: noOutput,
  },
  {
    id: 'serve-model-raises',
    title: 'A model that cannot be loaded fails the job, and the reason says why',
    source: sources.sluice,
    kind,
    job: (lab) =>
      lab.transform('def model_fn(model_dir): raise ValueError("weights are missing")', { input: numbers }),
    ends: { ...failed, reason: expect.stringContaining('weights are missing') },
    verify: noOutput,
  },
  {
    id: 'serve-mixed-functions',
    title: 'transform_fn beside predict_fn is an error that the reason names',
    source: sources.sluice,
    kind,
    job: (lab) =>
      lab.transform(`${doubling}\ndef predict_fn(data, model): return data\n`, { input: numbers }),
    ends: { ...failed, reason: expect.stringMatching(/transform_fn and predict_fn/) },
    verify: noOutput,
  },
  {
    id: 'serve-never-ready',
    title: 'A server that never answers /ping with 200 fails the job',
    source: sources.transformRun,
    kind,
    job: (lab) =>
      lab.transform('import time\ndef model_fn(model_dir): time.sleep(300)', {
        input: numbers,
        maxRuntimeSeconds: 3,
        graceSeconds: 1,
      }),
    ends: { status: 'failed', code: expect.stringMatching(/^Job(Failed|TimedOut)$/) },
    verify: noOutput,
  },
  {
    id: 'serve-stop',
    title: 'A stopped transform stores nothing',
    source: sources.transformGuide,
    kind,
    job: (lab) =>
      lab.transform(
        inference('if lines == ["2"]:\n    print("ready", flush=True)\n    time.sleep(300)\nreturn lines'),
        { input: { 'a.csv': '1\n', 'b.csv': '1\n2\n' }, strategy: 'SingleRecord', graceSeconds: 3 },
      ),
    async act(job) {
      await job.ensure();
      await job.untilPrinted('ready');
      await job.stop();
    },
    ends: { status: 'stopped' },
    verify: noOutput,
  },
  ...['../escaped.txt', 'deep/../../escaped.txt', '/tmp/sluice-escaped.txt'].map(
    (entry, index): ConformanceCase => ({
      id: `serve-archive-leaves-${index + 1}`,
      title: `A model.tar.gz with the entry ${entry} is refused`,
      source: sources.sluice,
      kind,
      job: (lab) => lab.transform(doubling, { input: numbers, model: { [entry]: 'x' } }),
      ends: { status: expect.stringMatching(/^(refused|failed)$/), reason: expect.stringContaining(entry) },
      verify: noOutput,
    }),
  ),
];

export const servingCases: ConformanceCase[] = [...servers, ...failures];
