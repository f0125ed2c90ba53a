import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { sdk, sources } from '../sources.ts';
import { inference } from '../scripts.ts';
import { workerSecret, workerVariables } from '../worker-variables.ts';

const reportAll = 'report(**os.environ)';
const values = {
  EMPTY: '',
  BLANKS: ' a  b ',
  EQUALS: 'a=b=c',
  UNICODE: 'Ünï ✓',
  LINES: 'one\ntwo',
  QUOTES: `"double" 'single'`,
  DOLLAR: '$HOME ${HOME} $(id) %PATH%',
};
const awkward = ['', 'two words', '"quoted"', "it's", '$HOME', '*', '--flag=a b', '\\n', 'Ünï', '--', '-'];

function expectNothingOfTheWorker(environment: Record<string, unknown>): void {
  const leaked = Object.entries(environment).filter(
    ([name, value]) => value === workerSecret || workerVariables.includes(name),
  );
  expect(leaked).toEqual([]);
}

const routes = 'report(routes=[line.split()[0] for line in open("/proc/net/route")][1:])';

const isolatedCases: ConformanceCase[] = [
  {
    id: 'network-isolation-processing',
    title: 'A processing job with EnableNetworkIsolation has no network',
    source: sources.processingApi,
    kind: 'Processing',
    async job(lab) {
      const request = await lab.script(routes);
      request.body.NetworkConfig = { EnableNetworkIsolation: true };
      return request;
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ routes: [] });
    },
  },
  {
    id: 'network-isolation-training',
    title: 'A training job with EnableNetworkIsolation has no network, and still gets its data',
    source: sources.trainingApi,
    kind: 'Training',
    async job(lab) {
      const request = await lab.scriptMode(`read("input/data/train/a.txt")\n${routes}`, {
        channels: { train: { 'a.txt': 'a' } },
      });
      request.body.EnableNetworkIsolation = true;
      return request;
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ routes: [] });
    },
  },
];

export const environmentCases: ConformanceCase[] = [
  {
    id: 'env-processing-job-name',
    title: 'PROCESSING_JOB_NAME is the name of the job',
    source: sources.processingConfig,
    kind: 'Processing',
    job: (lab) => lab.script(reportAll),
    ends: { status: 'succeeded' },
    async verify({ report, job }) {
      expect(await report()).toMatchObject({ PROCESSING_JOB_NAME: job.name });
    },
  },
  {
    id: 'env-training-job-name',
    title: 'TRAINING_JOB_NAME is the name of the job',
    source: sources.trainingInput,
    kind: 'Training',
    job: (lab) => lab.trainer(reportAll),
    ends: { status: 'succeeded' },
    async verify({ report, job }) {
      expect(await report()).toMatchObject({ TRAINING_JOB_NAME: job.name });
    },
  },
  {
    id: 'env-no-worker-processing',
    title: "No AWS key and no other variable of the worker is in a processing job's environment",
    source: sdk(5031),
    kind: 'Processing',
    job: (lab) => lab.script(reportAll),
    ends: { status: 'succeeded' },
    verify: async ({ report }) => expectNothingOfTheWorker(await report()),
  },
  {
    id: 'env-no-worker-script-mode',
    title: "No AWS key and no other variable of the worker is in a training script's environment",
    source: sdk(5031),
    kind: 'Training',
    job: (lab) => lab.scriptMode(reportAll),
    ends: { status: 'succeeded' },
    verify: async ({ report }) => expectNothingOfTheWorker(await report()),
  },
  {
    id: 'env-no-worker-transform',
    title: "No AWS key and no other variable of the worker is in an inference script's environment",
    source: sdk(5031),
    kind: 'Transform',
    job: (lab) =>
      lab.transform(inference('return json.dumps(dict(os.environ))'), {
        input: { 'in.json': '{}' },
        split: 'None',
        accept: 'application/json',
      }),
    ends: { status: 'succeeded' },
    async verify({ output }) {
      const text = (await output()).get('in.json.out');
      expectNothingOfTheWorker(JSON.parse(text!) as Record<string, unknown>);
    },
  },
  {
    id: 'env-request-processing',
    title: 'Environment of a processing request arrives character by character and is not expanded',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.script(reportAll, { environment: values }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toMatchObject(values);
    },
  },
  {
    id: 'env-request-training',
    title: 'Environment of a training request arrives character by character in script mode',
    source: sources.trainingApi,
    kind: 'Training',
    job: (lab) => lab.scriptMode(reportAll, { environment: values }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toMatchObject(values);
    },
  },
  {
    id: 'env-request-wins',
    title: 'A variable of the request overrides what the engine or the image sets',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) =>
      lab.script(reportAll, { environment: { HOME: '/tmp/home', LANG: 'C', PYTHONUNBUFFERED: '' } }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toMatchObject({ HOME: '/tmp/home', LANG: 'C', PYTHONUNBUFFERED: '' });
    },
  },
  {
    id: 'env-arguments',
    title: 'ContainerArguments follow the entrypoint, each one argument, whatever characters are in it',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.script('report(arguments=sys.argv[1:])', { arguments: awkward }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ arguments: awkward });
    },
  },
  {
    id: 'env-arguments-alone',
    title: "ContainerArguments without an entrypoint follow the image's own, as with `docker run`",
    source: sources.processingConfig,
    kind: 'Processing',
    async job(lab) {
      const request = await lab.script('report(arguments=sys.argv[1:])');
      const { AppSpecification } = request.body;
      AppSpecification.ContainerArguments = [...AppSpecification.ContainerEntrypoint!, 'one'];
      delete AppSpecification.ContainerEntrypoint;
      return request;
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ arguments: ['one'] });
    },
  },
  {
    id: 'env-standard-input',
    title: 'Standard input is at its end: a script that reads it does not hang',
    source: sources.trainingRun,
    kind: 'Processing',
    job: (lab) => lab.script('report(read=sys.stdin.read())', { maxRuntimeSeconds: 20 }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ read: '' });
    },
  },
  ...isolatedCases,
];
