import { expect } from 'vitest';
import { packArchive } from '../archives.ts';
import type { ConformanceCase } from '../contract.ts';
import { instanceType } from '../lab.ts';
import { trainingPrelude } from '../scripts.ts';
import { sources } from '../sources.ts';

const source = sources.toolkit;
const kind = 'Training';
const reportArguments = 'report(arguments=sys.argv[1:])';
const reportVariables = 'report(ml=ML, **os.environ)';

/** What the SDK sends: every value as JSON, strings with their quotes. */
const encoded = (values: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));

export const scriptModeCases: ConformanceCase[] = [
  {
    id: 'script-argument-order',
    title: 'Hyperparameters become `--name value`, sorted by name, with one hyphen for a name of one letter',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode(reportArguments, {
        hyperparameters: encoded({ zeta: 1, 'learning-rate': 0.1, n: 5, max_depth: 3, Alpha: 2 }),
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({
        arguments: ['--Alpha', '2', '--learning-rate', '0.1', '--max_depth', '3', '-n', '5', '--zeta', '1'],
      });
    },
  },
  {
    id: 'script-json-values',
    title:
      'Values are decoded once as JSON: true is True, null is empty, a list and a map as the toolkit writes them',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode(reportArguments, {
        hyperparameters: encoded({ a1: true, a2: null, a3: [1, 2], a4: { y: 2, x: 1 }, a5: 1e-3, a6: '' }),
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({
        arguments: [
          '--a1',
          'True',
          '--a2',
          '',
          '--a3',
          '[1, 2]',
          '--a4',
          'x=1,y=2',
          '--a5',
          '0.001',
          '--a6',
          '',
        ],
      });
    },
  },
  {
    id: 'script-double-quoting',
    title: 'A string with quotes of its own keeps them; what is not JSON is taken as it is',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode(reportArguments, {
        hyperparameters: {
          ...encoded({ a1: 'plain', a2: '"quoted"', a3: '5', a4: 'ends in \\' }),
          a5: 'reg:squarederror',
          a6: "'single'",
          a7: '{not json',
        },
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      const values = ['plain', '"quoted"', '5', 'ends in \\', 'reg:squarederror', "'single'", '{not json'];
      expect(await report()).toEqual({
        arguments: values.flatMap((value, index) => [`--a${index + 1}`, value]),
      });
    },
  },
  {
    id: 'script-reserved-hidden',
    title: 'Reserved hyperparameters are in hyperparameters.json, but hidden from arguments and SM_HPS',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode(
        `report(arguments=sys.argv[1:], hps=json.loads(os.environ["SM_HPS"]),
       names=[name for name in os.environ if name.startswith("SM_HP_")],
       file=sorted(json.loads(read("input/config/hyperparameters.json"))))`,
        {
          hyperparameters: encoded({
            depth: 5,
            sagemaker_region: 'eu-west-1',
            sagemaker_job_name: 'x',
            sagemaker_container_log_level: 20,
            sagemaker_enable_cloudwatch_metrics: false,
            _tuning_objective_metric: 'mse',
          }),
        },
      ),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({
        arguments: ['--depth', '5'],
        hps: { depth: 5 },
        names: ['SM_HP_DEPTH'],
        file: [
          '_tuning_objective_metric',
          'depth',
          'sagemaker_container_log_level',
          'sagemaker_enable_cloudwatch_metrics',
          'sagemaker_job_name',
          'sagemaker_program',
          'sagemaker_region',
          'sagemaker_submit_directory',
        ],
      });
    },
  },
  {
    id: 'script-folders',
    title: 'SM_MODEL_DIR, SM_OUTPUT_DATA_DIR, SM_INPUT_DIR and one SM_CHANNEL_ a channel name the folders',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode(reportVariables, { channels: { train: { a: '1' }, 'valid-ation': { b: '2' } } }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      const { ml, ...found } = await report();
      const at = (path: string) => `${String(ml)}/${path}`;
      expect(found).toMatchObject({
        SM_MODEL_DIR: at('model'),
        SM_OUTPUT_DIR: at('output'),
        SM_OUTPUT_DATA_DIR: at('output/data'),
        SM_OUTPUT_INTERMEDIATE_DIR: at('output/intermediate'),
        SM_INPUT_DIR: at('input'),
        SM_INPUT_CONFIG_DIR: at('input/config'),
        SM_CHANNEL_TRAIN: at('input/data/train'),
        'SM_CHANNEL_VALID-ATION': at('input/data/valid-ation'),
        SM_CHANNELS: '["code","train","valid-ation"]',
      });
    },
  },
  {
    id: 'script-hyperparameter-variables',
    title: 'SM_HPS, SM_HP_ and SM_USER_ARGS hold the decoded hyperparameters',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode(reportVariables, {
        hyperparameters: encoded({ max_depth: 5, objective: 'reg:linear' }),
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toMatchObject({
        SM_HPS: '{"max_depth":5,"objective":"reg:linear"}',
        SM_HP_MAX_DEPTH: '5',
        SM_HP_OBJECTIVE: 'reg:linear',
        SM_USER_ARGS: '["--max_depth","5","--objective","reg:linear"]',
      });
    },
  },
  {
    id: 'script-cluster-variables',
    title: 'SM_HOSTS, SM_CURRENT_HOST, SM_RESOURCE_CONFIG and their like describe the cluster',
    source,
    kind,
    job: (lab) => lab.scriptMode(reportVariables),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      const found = await report();
      expect(found).toMatchObject({
        SM_HOSTS: '["algo-1"]',
        SM_CURRENT_HOST: 'algo-1',
        SM_CURRENT_INSTANCE_TYPE: instanceType,
        SM_CURRENT_INSTANCE_GROUP: 'homogeneousCluster',
        SM_CURRENT_INSTANCE_GROUP_HOSTS: '["algo-1"]',
        SM_INSTANCE_GROUPS: '["homogeneousCluster"]',
        SM_IS_HETERO: 'false',
        SM_NETWORK_INTERFACE_NAME: 'eth0',
        SM_NUM_GPUS: '0',
      });
      expect(Number(found.SM_NUM_CPUS)).toBeGreaterThan(0);
      expect(JSON.parse(String(found.SM_RESOURCE_CONFIG))).toMatchObject({ current_host: 'algo-1' });
      expect(JSON.parse(String(found.SM_INPUT_DATA_CONFIG))).toHaveProperty('code');
    },
  },
  {
    id: 'script-training-env',
    title: 'SM_TRAINING_ENV is all of it as one JSON object',
    source,
    kind,
    job: (lab) => lab.scriptMode(reportVariables, { hyperparameters: encoded({ depth: 5 }) }),
    ends: { status: 'succeeded' },
    async verify({ report, job }) {
      const { ml, SM_TRAINING_ENV: text } = await report();
      expect(JSON.parse(String(text))).toMatchObject({
        channel_input_dirs: { code: `${String(ml)}/input/data/code` },
        current_host: 'algo-1',
        hosts: ['algo-1'],
        hyperparameters: { depth: 5 },
        job_name: job.name,
        model_dir: `${String(ml)}/model`,
        module_name: 'script',
        user_entry_point: 'script.py',
      });
    },
  },
  {
    id: 'script-code-folder',
    title: 'The script runs in its code folder and imports the modules beside it',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode('import helper\nreport(answer=helper.answer, file=open("words.txt").read())', {
        code: { 'helper.py': 'answer = 42\n', 'words.txt': 'beside it' },
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ answer: 42, file: 'beside it' });
    },
  },
  {
    id: 'script-code-archive',
    title: 'sagemaker_submit_directory may be a sourcedir.tar.gz',
    source,
    kind,
    job: async (lab) =>
      lab.scriptMode('raise SystemExit("the wrong script")', {
        code: {
          'sourcedir.tar.gz': await packArchive({
            'script.py': `${trainingPrelude}\nimport helper\nreport(answer=helper.answer)`,
            'helper.py': 'answer = 42\n',
          }),
        },
        hyperparameters: { sagemaker_submit_directory: '"/opt/ml/input/data/code/sourcedir.tar.gz"' },
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ answer: 42 });
    },
  },
  {
    id: 'script-shell',
    title: 'A program that is no Python file is run by the shell, with the same arguments',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode('', {
        code: { 'train.sh': 'echo "$1=$2" > "$SM_MODEL_DIR/said.txt"\n' },
        hyperparameters: { sagemaker_program: '"train.sh"', epochs: '3' },
      }),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      expect(await archive('model.tar.gz')).toMatchObject([{ name: 'said.txt', text: '--epochs=3\n' }]);
    },
  },
  {
    id: 'script-program-variable',
    title: 'SAGEMAKER_PROGRAM names the script in the place of the hyperparameter',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode('raise SystemExit("the wrong script")', {
        code: { 'other.py': `${trainingPrelude}\nreport(script="other")` },
        environment: { SAGEMAKER_PROGRAM: 'other.py' },
      }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ script: 'other' });
    },
  },
];
