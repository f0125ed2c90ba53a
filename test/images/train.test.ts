import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  makeFolder,
  runPython,
  startPython,
  trainCommand,
  waitFor,
  type Finished,
} from './fixtures/python.ts';

/** Prints what it was started with. */
const reporter = `
import json, os, sys
print(json.dumps({"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "path": sys.path}))
`;
const reportSchema = (stdout: string) =>
  JSON.parse(stdout) as { argv: string[]; env: Record<string, string>; cwd: string; path: string[] };

interface Job {
  hyperparameters?: Record<string, unknown>;
  files?: Record<string, string | Buffer>;
  environment?: Record<string, string>;
}

function makeJob({ hyperparameters = {}, files = {} }: Job): string {
  return makeFolder({
    'input/config/hyperparameters.json': JSON.stringify({
      sagemaker_program: '"train.py"',
      sagemaker_submit_directory: '"/opt/ml/input/data/code"',
      ...hyperparameters,
    }),
    'input/config/inputdataconfig.json': JSON.stringify({ train: { TrainingInputMode: 'File' }, code: {} }),
    'input/config/resourceconfig.json': JSON.stringify({
      current_host: 'algo-1',
      hosts: ['algo-1'],
      current_instance_type: 'ml.m5.xlarge',
      current_group_name: 'homogeneousCluster',
      instance_groups: [
        { instance_group_name: 'homogeneousCluster', instance_type: 'ml.m5.xlarge', hosts: ['algo-1'] },
      ],
      network_interface_name: 'eth0',
    }),
    'output/data/.keep': '',
    'model/.keep': '',
    ...files,
  });
}

async function train(job: Job): Promise<Finished & { base: string; failure: string | null }> {
  const base = makeJob(job);
  const result = await runPython([trainCommand], { SAGEMAKER_BASE_DIR: base, ...job.environment });
  const failure = join(base, 'output/failure');
  return { ...result, base, failure: existsSync(failure) ? readFileSync(failure, 'utf8') : null };
}

const withScript = (script: string, more: Job = {}): Job => ({
  ...more,
  files: { 'input/data/code/train.py': script, ...more.files },
});

describe('the arguments of the script', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ['are sorted by name', { b_rate: '0.5', a_rate: '1' }, ['--a_rate', '1', '--b_rate', '0.5']],
    ['have one hyphen for a name of one letter', { k: '3' }, ['-k', '3']],
    ['are decoded from JSON', { name: '"gbm"', depth: '5' }, ['--depth', '5', '--name', 'gbm']],
    [
      'stay as they are when they are not JSON',
      { name: 'reg:linear', also: '{oops' },
      ['--also', '{oops', '--name', 'reg:linear'],
    ],
    ['are empty for null', { nothing: 'null' }, ['--nothing', '']],
    ['join a map with commas', { map: '{"b": 2, "a": 1}' }, ['--map', 'a=1,b=2']],
    [
      'are written as Python writes them',
      { flag: 'true', list: '[1, "x"]' },
      ['--flag', 'True', '--list', "[1, 'x']"],
    ],
    [
      'leave out what belongs to the toolkit',
      {
        sagemaker_region: '"x"',
        sagemaker_job_name: '"j"',
        sagemaker_mpi_enabled: 'false',
        _tuning_objective_metric: 'm',
        lr: '1',
      },
      ['--lr', '1'],
    ],
    [
      'pass through a shell unharmed',
      { name: '$(touch /tmp/x); `id` "\'\n' },
      ['--name', '$(touch /tmp/x); `id` "\'\n'],
    ],
  ])('%s', async (_title, hyperparameters, argv) => {
    const result = await train(withScript(reporter, { hyperparameters }));
    expect(result.code, result.stderr).toBe(0);
    expect(reportSchema(result.stdout).argv).toEqual(argv);
    // Whatever they hold, the command is one line of the log.
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('the environment of the script', () => {
  it('begins the script with no signal blocked', async () => {
    const { stdout } = await train(
      withScript('import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))'),
    );
    expect(stdout).toBe('set()\n');
  });

  it('has the variables of the SageMaker training toolkit', async () => {
    const { code, stdout, base, stderr } = await train(
      withScript(reporter, {
        hyperparameters: {
          learning_rate: '0.2',
          flag: 'true',
          text: '"a b"',
          sagemaker_mpi_enabled: 'false',
        },
        environment: { TRAINING_JOB_NAME: 'job-1', PYTHONPATH: '/elsewhere' },
      }),
    );
    expect(code, stderr).toBe(0);
    const { env, cwd, path } = reportSchema(stdout);
    expect(env).toMatchObject({
      SM_MODEL_DIR: join(base, 'model'),
      SM_OUTPUT_DIR: join(base, 'output'),
      SM_OUTPUT_DATA_DIR: join(base, 'output/data'),
      SM_OUTPUT_INTERMEDIATE_DIR: join(base, 'output/intermediate'),
      SM_INPUT_DIR: join(base, 'input'),
      SM_INPUT_CONFIG_DIR: join(base, 'input/config'),
      SM_CHANNELS: '["code","train"]',
      SM_CHANNEL_TRAIN: join(base, 'input/data/train'),
      SM_HPS: '{"flag":true,"learning_rate":0.2,"text":"a b"}',
      SM_HP_LEARNING_RATE: '0.2',
      SM_HP_FLAG: 'true',
      SM_HP_TEXT: 'a b',
      SM_USER_ARGS: '["--flag","True","--learning_rate","0.2","--text","a b"]',
      SM_HOSTS: '["algo-1"]',
      SM_CURRENT_HOST: 'algo-1',
      SM_CURRENT_INSTANCE_TYPE: 'ml.m5.xlarge',
      SM_CURRENT_INSTANCE_GROUP: 'homogeneousCluster',
      SM_CURRENT_INSTANCE_GROUP_HOSTS: '["algo-1"]',
      SM_INSTANCE_GROUPS: '["homogeneousCluster"]',
      SM_DISTRIBUTION_INSTANCE_GROUPS: '[]',
      SM_IS_HETERO: 'false',
      SM_INPUT_DATA_CONFIG: '{"code":{},"train":{"TrainingInputMode":"File"}}',
      SM_NETWORK_INTERFACE_NAME: 'eth0',
      SM_NUM_NEURONS: '0',
      SM_MODULE_NAME: 'train',
      SM_MODULE_DIR: join(base, 'input/data/code'),
      SM_USER_ENTRY_POINT: 'train.py',
      SM_LOG_LEVEL: '20',
      SM_FRAMEWORK_MODULE: '',
      SM_FRAMEWORK_PARAMS: '{"sagemaker_mpi_enabled":false}',
      PYTHONUNBUFFERED: '1',
      PYTHONPATH: `${join(base, 'input/data/code')}:/elsewhere`,
    });
    expect(Number(env.SM_NUM_CPUS)).toBeGreaterThan(0);
    expect(env.SM_NUM_GPUS).toMatch(/^\d+$/);
    expect(JSON.parse(env.SM_RESOURCE_CONFIG ?? '')).toHaveProperty('current_host', 'algo-1');
    expect(JSON.parse(env.SM_INSTANCE_GROUPS_DICT ?? '')).toHaveProperty('homogeneousCluster');
    expect(JSON.parse(env.SM_TRAINING_ENV ?? '')).toMatchObject({
      job_name: 'job-1',
      hyperparameters: { learning_rate: 0.2, flag: true, text: 'a b' },
      channel_input_dirs: { train: join(base, 'input/data/train') },
      is_master: true,
      model_dir: join(base, 'model'),
    });
    expect(env).not.toHaveProperty('SM_TOPOLOGY');
    expect(cwd).toBe(join(base, 'input/data/code'));
    expect(path).not.toContain(join(trainCommand, '..'));
  });

  it('is that of a single host when the job has no resourceconfig.json', async () => {
    const base = makeFolder({ 'code/train.py': reporter, 'output/.keep': '' });
    const result = await runPython([trainCommand], {
      SAGEMAKER_BASE_DIR: base,
      SAGEMAKER_PROGRAM: 'train.py',
    });
    expect(result.code, result.stderr).toBe(0);
    expect(reportSchema(result.stdout).env).toMatchObject({
      SM_HOSTS: '["algo-1"]',
      SM_CHANNELS: '[]',
      SM_HPS: '{}',
    });
  });
});

describe('the end of the script', () => {
  it('is reported by output/success and exit code 0', async () => {
    const { code, base, failure } = await train(withScript('print("fine")'));
    expect(code).toBe(0);
    expect(existsSync(join(base, 'output/success'))).toBe(true);
    expect(failure).toBeNull();
  });

  it.each([
    ['its exit code', 'import sys; sys.exit(42)', 42, 'train.py exited with code 42.'],
    ['1 for an exception', 'raise KeyError("x")', 1, 'train.py exited with code 1.'],
    [
      '128 + n for signal n',
      'import os; os.kill(os.getpid(), 9)',
      137,
      'train.py exited with code 137 (SIGKILL: out of memory?).',
    ],
  ])('is reported by %s', async (_title, script, expectedCode, message) => {
    const { code, failure, base } = await train(withScript(script));
    expect(code).toBe(expectedCode);
    expect(failure).toBe(message);
    expect(existsSync(join(base, 'output/success'))).toBe(false);
  });

  it('leaves a failure file that the script wrote as it is', async () => {
    const script =
      'import os; open(os.environ["SM_OUTPUT_DIR"] + "/failure", "w").write("my own words"); raise SystemExit(3)';
    const { code, failure } = await train(withScript(script));
    expect(code).toBe(3);
    expect(failure).toBe('my own words');
  });

  it('comes when SIGTERM has reached the script, with its own exit code and no failure file', async () => {
    const script = `
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("saving", flush=True), sys.exit(7)))
print("ready", flush=True)
time.sleep(60)
`;
    const base = makeJob(withScript(script));
    const running = startPython([trainCommand], { SAGEMAKER_BASE_DIR: base });
    let output = '';
    running.process.stdout?.on('data', (text: string) => (output += text));
    await waitFor('the script to start', () => output.includes('ready\n'));
    running.process.kill('SIGTERM');
    expect(await running.finished).toMatchObject({ code: 7, stdout: 'ready\nsaving\n' });
    expect(existsSync(join(base, 'output/failure'))).toBe(false);
  });
});

describe('a script that is not Python', () => {
  const job = (name: string, content: string): Job => ({
    hyperparameters: { sagemaker_program: name, rate: '"a  b"' },
    files: { [`input/data/code/${name}`]: content },
  });

  it('is run by the interpreter of its first line when it may not be executed', async () => {
    const result = await train(job('run.sh', '#!/bin/sh -u\necho "$0|$1|$2|$-"\n'));
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/^\.\/run\.sh\|--rate\|a {2}b\|.*u/);
  });

  it('is executed when it may be', async () => {
    const base = makeJob(job('run', 'echo "$1|$2"\n'));
    chmodSync(join(base, 'input/data/code/run'), 0o755);
    const result = await runPython([trainCommand], { SAGEMAKER_BASE_DIR: base });
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toBe('--rate|a  b\n');
  });
});

describe('the code folder', () => {
  it('is not written to', async () => {
    const { code, base } = await train(
      withScript('import other', { files: { 'input/data/code/other.py': 'print("imported")' } }),
    );
    expect(code).toBe(0);
    expect(existsSync(join(base, 'input/data/code/__pycache__'))).toBe(false);
  });

  const archive = (make: (folder: string) => string[]): Buffer => {
    const folder = makeFolder({ 'train.py': 'print("from the archive")', 'lib/x.py': '' });
    execFileSync('tar', ['-czf', join(folder, 'a.tar.gz'), ...make(folder)], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    return readFileSync(join(folder, 'a.tar.gz'));
  };
  const archived = (content: Buffer): Job => ({
    hyperparameters: { sagemaker_submit_directory: '/opt/ml/input/data/code/sourcedir.tar.gz' },
    files: { 'input/data/code/sourcedir.tar.gz': content },
  });

  it('may be a .tar.gz file', async () => {
    const result = await train(archived(archive(() => ['train.py', 'lib'])));
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toBe('from the archive\n');
  });

  it.each<[string, (folder: string) => string[], string]>([
    [
      'leaves its folder',
      () => ['-P', '--transform', 's,train,../../train,', 'train.py'],
      'leaves its folder',
    ],
    ['is absolute', () => ['-P', '--transform', 's,train,/tmp/train,', 'train.py'], 'leaves its folder'],
    ['is there twice', () => ['train.py', 'train.py', '--hard-dereference'], 'twice'],
    [
      'is a link',
      (folder) => {
        symlinkSync('/etc/passwd', join(folder, 'link.py'));
        return ['train.py', 'link.py'];
      },
      'a link or a device',
    ],
  ])('is refused when an entry of the archive %s', async (_title, make, message) => {
    const result = await train(archived(archive(make)));
    expect(result.code).toBe(1);
    expect(result.failure).toContain(message);
    expect(existsSync(join(result.base, 'code/train.py'))).toBe(false);
  });
});

describe('requirements.txt beside the script', () => {
  it('is installed for this job alone, on top of what is there', async () => {
    const script = 'import json, sys, joblib; print(sys.prefix, joblib.__version__)';
    const before = await runPython(['-c', 'import sys, joblib; print(sys.prefix, joblib.__version__)']);
    const version = before.stdout.split(' ')[1]?.trim() ?? '';
    const result = await train(
      // Already there: nothing is fetched, and the test needs no network.
      withScript(script, { files: { 'input/data/code/requirements.txt': `joblib==${version}\n` } }),
    );
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toContain('Installing');
    const prefix = /^(\S+sluice-requirements-\S+) (\S+)$/m.exec(result.stdout);
    expect(prefix?.[2]).toBe(version);
    expect(existsSync(prefix?.[1] ?? '/')).toBe(false);
  });

  it('fails the job when it cannot be installed', async () => {
    const result = await train(
      withScript('print("never")', { files: { 'input/data/code/requirements.txt': './no-such-package\n' } }),
    );
    expect(result.code).toBe(1);
    expect(result.stdout).not.toContain('never');
    expect(result.failure).toMatch(
      /requirements\.txt could not be installed: .* exited with code [12]; its output is in the log\./,
    );
  });

  it('is installed no further after a stop, and the script is not started', async () => {
    const base = makeJob(
      withScript('print("never")', {
        files: {
          'slow/pyproject.toml':
            '[build-system]\nrequires = []\nbuild-backend = "slow"\nbackend-path = ["."]\n',
          'slow/slow.py':
            'import os, time\nopen(os.environ["SAGEMAKER_BASE_DIR"] + "/begun", "w").close()\ntime.sleep(600)\n',
          'tmp/.keep': '',
        },
      }),
    );
    writeFileSync(join(base, 'input/data/code/requirements.txt'), `${join(base, 'slow')}\n`);
    const running = startPython([trainCommand], { SAGEMAKER_BASE_DIR: base, TMPDIR: join(base, 'tmp') });
    await waitFor('the installation to begin', () => existsSync(join(base, 'begun')));
    running.process.kill('SIGTERM');
    const { code, stdout } = await running.finished;
    expect({ code, stdout }).toEqual({ code: 143, stdout: '' });
    expect(existsSync(join(base, 'output/failure'))).toBe(false);
    expect(readdirSync(join(base, 'tmp')).filter((name) => name.startsWith('sluice-requirements-'))).toEqual(
      [],
    );
  });
});

describe('what cannot be run', () => {
  it.each<[string, Job, RegExp]>([
    [
      'no script is named',
      { hyperparameters: { sagemaker_program: 'null' } },
      /No script is named: set the hyperparameter/,
    ],
    [
      'the script is not there',
      { files: { 'input/data/code/other.py': '' } },
      /The script train\.py is not in the code folder .*\/input\/data\/code\. It holds: other\.py\./,
    ],
    ['the code folder is not there', {}, /The code folder .*\/input\/data\/code does not exist/],
    [
      'the code is in S3',
      { hyperparameters: { sagemaker_submit_directory: 's3://b/sourcedir.tar.gz' } },
      /s3:\/\/b\/sourcedir\.tar\.gz, which is not a path/,
    ],
    [
      'the hyperparameters are not JSON',
      { files: { 'input/config/hyperparameters.json': '{' } },
      /hyperparameters\.json is not JSON/,
    ],
    [
      'the hyperparameters are a list',
      { files: { 'input/config/hyperparameters.json': '[]' } },
      /holds list; it must be a JSON object/,
    ],
    [
      'a name cannot be a variable',
      withScript('', { hyperparameters: { 'a=b': '1' } }),
      /'SM_HP_A=B' cannot be an environment variable/,
    ],
    [
      'the code is a package',
      withScript('', { files: { 'input/data/code/setup.py': '' } }),
      /has a setup\.py/,
    ],
  ])('is refused with a clear message when %s', async (_title, job, message) => {
    const result = await train(job);
    expect(result.code).toBe(1);
    expect(result.failure).toMatch(message);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toContain('Traceback');
  });
});
