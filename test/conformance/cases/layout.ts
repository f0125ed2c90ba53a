import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { instanceType } from '../lab.ts';
import { liveJob } from '../live-job.ts';
import { sources } from '../sources.ts';

/** The folders that are there, and those of them that can be written to. */
const folders = (...paths: string[]) => `
import tempfile
def writable(path):
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False
paths = [os.path.join(ML, path) for path in ${JSON.stringify(paths)}]
report(folders=[os.path.isdir(path) for path in paths], writable=[writable(path) for path in paths])`;

const everyOne = (count: number) => Array.from({ length: count }, () => true);

const hyperparameters = {
  plain: 'text',
  quoted: '"abalone.py"',
  number: '0.10',
  exponent: '1e-3',
  boolean: 'true',
  nothing: '',
  nested: '{"a": [1, "zwei"]}',
  unicode: 'Ünï ✓ 漢字',
  blanks: '  two  blanks\tand a tab ',
  backslash: 'a\\nb',
};

export const layoutCases: ConformanceCase[] = [
  {
    id: 'layout-processing-folders',
    title: 'A processing job finds the folders of its inputs and outputs, and may write to /opt/ml/output',
    source: sources.processing,
    kind: 'Processing',
    job: (lab) =>
      lab.script(folders('processing/output/out', 'processing/output/two', 'output'), {
        inputs: { data: { 'a.txt': 'a' } },
        outputs: ['out', 'two'],
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ folders: everyOne(3), writable: everyOne(3) });
    },
  },
  {
    id: 'layout-training-folders',
    title:
      'A training job finds /opt/ml/model, /opt/ml/output and /opt/ml/output/data, and may write to them',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer(folders('model', 'output', 'output/data')),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ folders: everyOne(3), writable: everyOne(3) });
    },
  },
  {
    id: 'layout-absolute-paths',
    title: 'The job sees its folder at /opt/ml itself',
    source: sources.trainingRun,
    kind: 'Processing',
    job: (lab) =>
      lab.script(
        `data = open("/opt/ml/processing/input/data/a.txt").read()
with open("/opt/ml/processing/output/out/report.json", "w") as file:
    json.dump({"data": data, "config": sorted(os.listdir("/opt/ml/config"))}, file)`,
        { inputs: { data: { 'a.txt': 'text' } } },
      ),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({
        data: 'text',
        config: ['processingjobconfig.json', 'resourceconfig.json'],
      });
    },
  },
  {
    id: 'layout-fresh',
    title: 'Model and output folders are empty when the job starts, whatever an earlier job left',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) =>
      lab.trainer(
        `found = {name: os.listdir(os.path.join(ML, name)) for name in ("model", "output/data", "input/data")}
write("output/data/left", "behind")
report(**found)`,
        { channels: { train: { a: 'a' } } },
      ),
    async act(job, { target }) {
      const earlier = liveJob(target, `${job.name}-0`, job.request);
      await earlier.ensure();
      expect(await earlier.ended()).toMatchObject({ status: 'succeeded' });
      await job.ensure();
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      const found = await report();
      expect(found).toMatchObject({ model: [], 'output/data': [] });
      expect([...(found['input/data'] as string[])].sort()).toEqual(['code', 'train']);
    },
  },
  {
    id: 'layout-hyperparameters',
    title: 'hyperparameters.json is the map of strings of the request, unchanged',
    source: sources.trainingInput,
    kind: 'Training',
    job: (lab) =>
      lab.trainer('report(found=json.loads(read("input/config/hyperparameters.json")))', { hyperparameters }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ found: hyperparameters });
    },
  },
  {
    id: 'layout-no-hyperparameters',
    title: 'hyperparameters.json is there without hyperparameters, too',
    source: sources.trainingInput,
    kind: 'Training',
    job: (lab) => lab.trainer('report(found=json.loads(read("input/config/hyperparameters.json")))'),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ found: {} });
    },
  },
  {
    id: 'layout-inputdataconfig',
    title:
      'inputdataconfig.json names each channel with TrainingInputMode, S3DistributionType, RecordWrapperType and ContentType',
    source: sources.trainingInput,
    kind: 'Training',
    job: (lab) =>
      lab.trainer('report(found=json.loads(read("input/config/inputdataconfig.json")))', {
        channels: { train: { a: 'a' }, validation: { b: 'b' } },
        contentTypes: { train: 'text/csv' },
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      const common = {
        TrainingInputMode: 'File',
        S3DistributionType: 'FullyReplicated',
        RecordWrapperType: 'None',
      };
      expect(await report()).toEqual({
        found: { train: { ...common, ContentType: 'text/csv' }, validation: common, code: common },
      });
    },
  },
  {
    id: 'layout-training-resourceconfig',
    title:
      'resourceconfig.json of training has current_host, hosts, instance type and groups, and the network interface',
    source: sources.trainingInput,
    kind: 'Training',
    job: (lab) => lab.trainer('report(found=json.loads(read("input/config/resourceconfig.json")))'),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      const group = 'homogeneousCluster';
      expect(await report()).toEqual({
        found: {
          current_host: 'algo-1',
          current_instance_type: instanceType,
          current_group_name: group,
          hosts: ['algo-1'],
          instance_groups: [{ instance_group_name: group, instance_type: instanceType, hosts: ['algo-1'] }],
          network_interface_name: 'eth0',
        },
      });
    },
  },
  {
    id: 'layout-processing-resourceconfig',
    title: 'resourceconfig.json of processing has current_host and hosts',
    source: sources.processingConfig,
    kind: 'Processing',
    job: (lab) => lab.script('report(found=json.loads(read("config/resourceconfig.json")))'),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toMatchObject({ found: { current_host: 'algo-1', hosts: ['algo-1'] } });
    },
  },
  {
    id: 'layout-processingjobconfig',
    title: 'processingjobconfig.json is the request, with the name and an ARN of the job',
    source: sources.processingConfig,
    kind: 'Processing',
    job: (lab) =>
      lab.script('report(found=json.loads(read("config/processingjobconfig.json")))', {
        arguments: ['--rows', '10'],
        environment: { COLOUR: 'blue' },
      }),
    ends: { status: 'succeeded' },
    async verify({ report, job }) {
      const { body } = job.request as Extract<typeof job.request, { kind: 'Processing' }>;
      expect(await report()).toMatchObject({
        found: {
          ProcessingJobName: job.name,
          ProcessingJobArn: expect.stringMatching(`^arn:aws:sagemaker:.*:processing-job/${job.name}$`),
          AppSpecification: body.AppSpecification,
          Environment: body.Environment,
          ProcessingInputs: body.ProcessingInputs,
          ProcessingOutputConfig: body.ProcessingOutputConfig,
          ProcessingResources: body.ProcessingResources,
          StoppingCondition: body.StoppingCondition,
        },
      });
    },
  },
  {
    id: 'layout-host-resolves',
    title: 'The name of the current host resolves to an address, for which the training toolkit waits',
    source: sources.toolkit,
    kind: 'Training',
    job: (lab) => lab.trainer('import socket\nreport(address=socket.gethostbyname("algo-1"))'),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ address: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/) });
    },
  },
];
