import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createRoot, jsonFrom, type Root } from './fixtures.ts';

const documentedKeys = [
  'workflowId',
  'runId',
  'outcome',
  'metric',
  'steps',
  'model',
  'transform',
  'modelPackage',
];

interface Body {
  workflowId: string;
  outcome: string;
  steps: { name: string; status: string; jobName: string | null }[];
}

describe('sluice run', () => {
  const root = createRoot();
  afterAll(() => root.remove());

  it('exits with 0 for an accepted run, which other commands can look at', async () => {
    const ended = await root.sluice('run', root.pipeline(), '--json', '--workflow-id', 'accepted-1');
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stdout.trim().split('\n')).toHaveLength(1);
    const body = jsonFrom(ended) as Body;
    expect(Object.keys(body)).toEqual(documentedKeys);
    expect(body).toMatchObject({
      workflowId: 'accepted-1',
      outcome: 'accepted',
      metric: { name: 'metrics.mse', value: 6, comparison: 'lessThanOrEqualTo', threshold: 7 },
      transform: null,
      modelPackage: { group: 'small', version: 1, approvalStatus: 'PendingManualApproval' },
    });
    expect(Object.keys(body.steps[0]!)).toEqual(['name', 'status', 'engine', 'jobName', 'seconds']);
    expect(ended.stderr).toMatch(/^train: succeeded in /m);

    const status = await root.sluice('status', 'accepted-1', '--json');
    expect({ code: status.code, body: jsonFrom(status) }).toEqual({ code: 0, body });
    // No terminal, though a CI is often taken for one.
    const table = await root.start(['status', 'accepted-1'], { CI: 'true' }).ended;
    expect(table.stdout).toMatch(/^✓ train +succeeded/m);
    const logs = await root.sluice('logs', 'accepted-1', 'preprocess');
    expect(logs.stdout).toMatch(/^── preprocess: .*\nprepared the data\n$/);
    const again = await root.sluice('cancel', 'accepted-1');
    expect(again).toMatchObject({ code: 0, stdout: 'accepted-1 is closed already\n' });
  });

  it('exits with 3 for a rejected run', async () => {
    const ended = await root.sluice('run', root.pipeline(), '--json', '--param', 'limit=5.5');
    expect(ended.code, ended.stderr).toBe(3);
    expect(jsonFrom(ended)).toMatchObject({
      outcome: 'rejected',
      metric: { value: 6, threshold: 5.5 },
      modelPackage: null,
      failure: { code: 'QualityGateRejected' },
    });
  });

  it('exits with 1 for a job that fails, and shows the end of its log', async () => {
    const file = root.pipeline({ train: 'echo the data are no good >&2; exit 7' });
    const ended = await root.sluice('run', file, '--json');
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('the data are no good');
    expect(jsonFrom(ended)).toMatchObject({ outcome: 'failed', failure: { code: 'JobFailed' } });
  });

  it('uploads data from outside the root by itself', async () => {
    const outside = createRoot();
    const data = outside.write('mine.csv', 'from outside\n');
    const file = root.pipeline(
      { preprocess: inputPreprocess(root) },
      { parameters: { limit: { type: 'Float', default: 7 }, inputData: { type: 'String' } } },
    );
    const ended = await root.sluice('run', file, '--param', `inputData=${data}`, '--workflow-id', 'uploaded');
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain(`Uploading ${data}`);
    expect(ended.stdout).toBe('');
    const logs = await root.sluice('logs', 'uploaded', 'preprocess');
    expect(logs.stdout).toContain('from outside');
    await outside.remove();
  });

  it('keeps credentials of the person away from jobs', async () => {
    const file = root.pipeline({ train: 'env; echo a model > "$base/model/m.txt"' });
    // A root of its own server: the environment of the host is what jobs could see.
    const fresh = createRoot();
    const run = fresh.start(['run', file, '--workflow-id', 'secrets'], {
      SLUICE_ROOT: root.path,
      SLUICE_HOME: fresh.home,
      AWS_SECRET_ACCESS_KEY: 'very-secret-value',
      PIP_INDEX_URL: 'https://index.example/simple',
      PIP_EXTRA_INDEX_URL: 'https://ann:very-secret-value@index.example/private',
      PIP_CONFIG_FILE: '/dev/null',
    });
    const ended = await run.ended;
    const [job] = readdirSync(join(fresh.home, 'jobs')).filter((name) => name.includes('train'));
    const log = readFileSync(join(fresh.home, 'jobs', job!, 'log.txt'), 'utf8');
    const host = readFileSync(join(fresh.home, 'dev/host.log'), 'utf8');
    await fresh.remove();
    expect(ended.code, ended.stderr).toBe(0);
    expect(log).toContain('STEP=train');
    // What else their pip is told, jobs are told, too.
    expect(log).toMatch(/^PIP_INDEX_URL=https:\/\/index\.example\/simple$/m);
    expect(log).toMatch(/^PIP_CONFIG_FILE=\/dev\/null$/m);
    expect(host).toContain('"variables":["PIP_EXTRA_INDEX_URL"]');
    expect(host).not.toContain('very-secret-value');
    expect(log).not.toContain('very-secret-value');
  });

  it('says that a run, a log or a model is not there', async () => {
    const status = await root.sluice('status', 'nobody');
    expect(status).toMatchObject({ code: 2, stdout: '' });
    expect(status.stderr).toMatch(/There is no run "nobody" at /);
    expect(await root.sluice('cancel', 'nobody')).toMatchObject({ code: 2, stdout: '' });
  });

  it('lists and shows the models', async () => {
    const list = await root.sluice('models', 'list', '--json');
    expect((jsonFrom(list) as unknown[])[0]).toMatchObject({ pipeline: 'small', group: 'small', version: 1 });
    expect((await root.sluice('models', 'list')).stdout).toMatch(/^PIPELINE +GROUP.*\nsmall +small +1 +Pend/);
    expect(jsonFrom(await root.sluice('models', 'show', 'small/1'))).toMatchObject({ version: 1 });
    expect(await root.sluice('models', 'show', 'small/99')).toMatchObject({ code: 2, stdout: '' });
  });

  it('ends its server when nobody needs it any more', async () => {
    await root.hostGone();
    expect(root.host()).toBeNull();
    expect(root.jobProcesses()).toEqual([]);
  });
});

describe('two runs at once', () => {
  const root = createRoot();
  afterEach(() => root.remove());

  it('share one server', async () => {
    const file = root.pipeline();
    const runs = [root.start(['run', file, '--json']), root.start(['run', file, '--json'])];
    const ended = await Promise.all(runs.map((run) => run.ended));
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    const addresses = ended.map(({ stderr }) => /127\.0\.0\.1:\d+/.exec(stderr)?.[0]);
    expect(new Set(addresses).size).toBe(1);
    expect(new Set(ended.map((one) => (jsonFrom(one) as Body).workflowId)).size).toBe(2);
    await root.hostGone();
  });
});

describe('sluice upload', () => {
  const root = createRoot();
  afterAll(() => root.remove());

  it('keeps the same content once', async () => {
    const outside = createRoot();
    const first = await root.sluice('upload', outside.write('a.csv', '1,2,3\n'));
    const second = await root.sluice('upload', outside.write('a.csv', '1,2,3\n'));
    const other = await root.sluice('upload', outside.write('a.csv', '4\n'));
    mkdirSync(join(outside.path, 'folder'));
    outside.write('folder/b.csv', '5\n');
    const folder = await root.sluice('upload', join(outside.path, 'folder'));
    await outside.remove();
    expect(first.stdout).toMatch(/^file:\/\/\/\S+\n$/);
    expect(second.stdout).toBe(first.stdout);
    expect(other.stdout).not.toBe(first.stdout);
    expect(folder.stdout.startsWith(pathToFileURL(join(root.home, 'storage')).href)).toBe(true);
    expect(existsSync(new URL(first.stdout.trim()))).toBe(true);
  });
});

/** Prints what it reads; its input is the parameter `inputData`. */
function inputPreprocess({ ledger, marker }: Root) {
  const script =
    'base="${SAGEMAKER_BASE_DIR:-/opt/ml}"; cat "$base"/processing/input/data/*; ' +
    'for name in train test; do echo 1 > "$base/processing/output/$name/data.csv"; done';
  return {
    entrypoint: ['/bin/sh', '-c', script],
    input: { Get: 'Parameters.inputData' },
    outputs: ['train', 'test'],
    environment: { LEDGER: ledger, STEP: 'preprocess', ROOT_MARKER: marker },
  };
}
