import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import {
  makeFolder,
  runPython,
  serveCommand,
  startPython,
  waitFor,
  type Finished,
  type Running,
} from './fixtures/python.ts';

interface Served {
  base: string;
  url: string;
  running: Running;
}

function startServing(base: string, port: number, environment: Record<string, string>): Running {
  return startPython(serveCommand(), {
    SAGEMAKER_BASE_DIR: base,
    SAGEMAKER_BIND_TO_HOST: '127.0.0.1',
    SAGEMAKER_BIND_TO_PORT: String(port),
    ...environment,
  });
}

/** Starts the command on a model folder with these files and waits for /ping. */
async function serve(
  files: Record<string, string | Buffer>,
  environment: Record<string, string> = {},
): Promise<Served> {
  const base = makeFolder(
    Object.fromEntries(Object.entries(files).map(([name, content]) => [join('model', name), content])),
  );
  const port = await freePort();
  const running = startServing(base, port, { SAGEMAKER_MODEL_SERVER_WORKERS: '1', ...environment });
  const url = `http://127.0.0.1:${port}`;
  await waitFor('/ping', async () => {
    if (running.process.exitCode !== null) throw new Error((await running.finished).stderr);
    return fetch(`${url}/ping`).then(
      (response) => response.status === 200,
      () => false,
    );
  });
  return { base, url, running };
}

async function stop({ running }: Served): Promise<Finished> {
  running.process.kill('SIGTERM');
  return running.finished;
}

/** A server that cannot start: what it says when it has ended. */
async function serveInVain(files: Record<string, string>, environment: Record<string, string> = {}) {
  const base = makeFolder(files);
  const result = await startServing(base, await freePort(), environment).finished;
  const failure = join(base, 'output/failure');
  return { ...result, failure: existsSync(failure) ? readFileSync(failure, 'utf8') : null };
}

interface Reply {
  status: number;
  type: string | null;
  body: string;
}

async function invoke(
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await fetch(`${url}/invocations`, { method: 'POST', body, headers });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

/** An array of two rows and two columns as numpy writes it. */
function npy(type: string, data: Buffer): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (2, 2), }`.padEnd(117) + '\n';
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([118, 0]),
    Buffer.from(header),
    data,
  ]);
}
const floats = npy('<f4', Buffer.from(new Float32Array([1, 2, 3, 4]).buffer));

describe('a script with model_fn alone', () => {
  let served: Served;
  const script =
    'class Model:\n  def predict(self, x): return x.sum(axis=1)\ndef model_fn(folder): return Model()\n';
  beforeAll(async () => {
    served = await serve({ 'code/inference.py': script });
  });
  afterAll(() => stop(served));

  it('answers /ping with 200 and nothing', async () => {
    const response = await fetch(`${served.url}/ping`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it.each<[string, string | Buffer, string]>([
    ['text/csv', '1,2\n3,4\n', 'text/csv'],
    ['text/csv', '1,2\r\n\r\n3,4', 'text/csv; charset=utf-8'],
    ['application/json', '[[1,2],[3,4]]', 'application/json'],
    ['application/jsonlines', '[1,2]\n[3,4]\n', 'application/jsonlines'],
    ['application/x-npy', floats, 'application/x-npy'],
  ])('reads %s', async (_name, body, type) => {
    const reply = await invoke(served.url, body, { 'content-type': type, accept: 'application/json' });
    expect(reply).toEqual({ status: 200, type: 'application/json', body: '[3.0, 7.0]' });
  });

  it.each([
    ['text/csv', '3.0\n7.0\n'],
    ['application/json', '[3.0, 7.0]'],
    ['application/jsonlines', '3.0\n7.0\n'],
  ])('writes %s', async (accept, body) => {
    const reply = await invoke(served.url, '1,2\n3,4\n', { 'content-type': 'text/csv', accept });
    expect(reply).toEqual({ status: 200, type: accept, body });
  });

  it('keeps a single row a row', async () => {
    const reply = await invoke(served.url, '1,2\n', { 'content-type': 'text/csv', accept: 'text/csv' });
    expect(reply).toMatchObject({ status: 200, body: '3.0\n' });
  });

  it.each<[number, string, string | Buffer, Record<string, string>, RegExp]>([
    [
      415,
      'a content type it does not know',
      'x',
      { 'content-type': 'image/png' },
      /^image\/png is not supported: use text\/csv/,
    ],
    [
      406,
      'an accept it does not know',
      '[[1]]',
      { 'content-type': 'application/json', accept: 'image/png' },
      /^image\/png is not/,
    ],
    [
      400,
      'a cell that is no number',
      '1,b\n',
      { 'content-type': 'text/csv' },
      /could not convert string to float: 'b'/,
    ],
    [400, 'rows of different lengths', '1,2\n3\n', { 'content-type': 'text/csv' }, /inhomogeneous/],
    [400, 'what is not JSON', '{', { 'content-type': 'application/json' }, /Expecting property name/],
    [
      400,
      'JSON that is no array',
      '{"a": 1}',
      { 'content-type': 'application/json' },
      /not an array of numbers/,
    ],
    [
      400,
      'a prediction that JSON cannot hold',
      'nan,1\n',
      { 'content-type': 'text/csv' },
      /not JSON compliant/,
    ],
    [
      400,
      'a pickle',
      npy('|O', Buffer.from('N.')),
      { 'content-type': 'application/x-npy' },
      /Object arrays cannot be loaded/,
    ],
  ])('answers %i to %s', async (status, _what, body, headers, message) => {
    const reply = await invoke(served.url, body, headers);
    expect(reply.status, reply.body).toBe(status);
    expect(reply.body).toMatch(message);
    expect(reply.body).not.toContain('Traceback');
  });

  it('answers 404 and 405 to what it does not serve', async () => {
    expect((await fetch(`${served.url}/execution-parameters`)).status).toBe(404);
    expect((await fetch(`${served.url}/`)).status).toBe(404);
    expect((await fetch(`${served.url}/invocations`)).status).toBe(405);
    expect((await fetch(`${served.url}/ping`, { method: 'POST' })).status).toBe(405);
  });

  it('ends with exit code 0 on SIGTERM and writes nothing beside the model', async () => {
    const other = await serve({ 'code/inference.py': script });
    expect((await stop(other)).code).toBe(0);
    expect(existsSync(join(other.base, 'model/code/__pycache__'))).toBe(false);
    expect(existsSync(join(other.base, 'output/failure'))).toBe(false);
  });
});

describe('a script with functions of its own', () => {
  let served: Served;
  const script = `
import json, os
import helper
class UnsupportedFormatError(Exception): pass
def model_fn(folder):
    return open(os.path.join(folder, "model.txt")).read()
def input_fn(body, content_type):
    if content_type == "x/unknown": raise UnsupportedFormatError("no " + content_type)
    if body == "bad": raise ValueError("bad input")
    return [type(body).__name__, body if isinstance(body, str) else body.decode("latin-1"), content_type]
def predict_fn(data, model):
    print("predicting")
    return {}["secret"] if data[1] == "crash" else data + [model, helper.NAME]
def output_fn(prediction, accept):
    if accept == "x/unknown": raise UnsupportedFormatError("no " + accept)
    if accept == "x/wrong": return prediction
    if accept == "x/bytes": return b"bytes"
    return json.dumps(prediction), "text/x-mine"
def execution_parameters_fn():
    return {"MaxConcurrentTransforms": 2}
`;
  beforeAll(async () => {
    served = await serve(
      { 'code/my_inference.py': script, 'code/helper.py': 'NAME = "helper"', 'model.txt': 'the model' },
      {
        SAGEMAKER_PROGRAM: 'my_inference.py',
        SAGEMAKER_SUBMIT_DIRECTORY: '/opt/ml/model/code',
        SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT: 'text/x-default',
      },
    );
  });

  it.each([
    ['text/csv', 'str'],
    ['application/json', 'str'],
    ['application/jsonlines', 'bytes'],
    ['application/octet-stream', 'bytes'],
  ])('gets a body of %s as %s', async (type, python) => {
    const reply = await invoke(served.url, 'ü', { 'content-type': type });
    expect(reply).toMatchObject({ status: 200, type: 'text/x-mine' });
    expect(JSON.parse(reply.body)).toEqual([
      python,
      python === 'str' ? 'ü' : 'Ã¼',
      type,
      'the model',
      'helper',
    ]);
  });

  it('gets text that is not UTF-8 answered with 400 before it sees it', async () => {
    const reply = await invoke(served.url, Buffer.from([0xff]), { 'content-type': 'text/csv' });
    expect(reply).toMatchObject({
      status: 400,
      body: expect.stringContaining('The body is not UTF-8') as string,
    });
  });

  it('answers bytes with the content type that was asked for', async () => {
    const reply = await invoke(served.url, '', { accept: 'x/bytes' });
    expect(reply).toEqual({ status: 200, type: 'x/bytes', body: 'bytes' });
  });

  it.each<[number, string, Record<string, string>, string]>([
    [400, 'bad', { 'content-type': 'text/csv' }, 'bad input'],
    [415, '', { 'content-type': 'x/unknown' }, 'no x/unknown'],
    [406, '', { accept: 'x/unknown' }, 'no x/unknown'],
    [500, 'crash', { 'content-type': 'text/csv' }, 'predict_fn failed: KeyError; see the log.'],
    [
      500,
      '',
      { accept: 'x/wrong' },
      'output_fn returned list; it must return str, bytes or (body, content type).',
    ],
  ])('answers %i when it raises', async (status, body, headers, message) => {
    expect(await invoke(served.url, body, headers)).toMatchObject({ status, body: message });
  });

  it('answers /execution-parameters', async () => {
    const response = await fetch(`${served.url}/execution-parameters`);
    expect(await response.json()).toEqual({ MaxConcurrentTransforms: 2 });
  });

  it('has its tracebacks and what it prints in the log', async () => {
    const { stderr, stdout } = await stop(served);
    expect(stderr).toContain("KeyError: 'secret'");
    expect(stdout).toContain('predicting\n');
  });
});

it('serves transform_fn in place of the other functions', async () => {
  const script = `
def model_fn(folder): return "m"
def transform_fn(model, body, content_type, accept): return "|".join([model, body, content_type, accept]), accept
`;
  const served = await serve({ 'code/inference.py': script });
  const reply = await invoke(served.url, 'b', { 'content-type': 'text/csv', accept: 'a/b' });
  await stop(served);
  expect(reply).toEqual({ status: 200, type: 'a/b', body: 'm|b|text/csv|a/b' });
});

it('installs requirements.txt for this server alone', async () => {
  const joblib = (await runPython(['-c', 'import joblib; print(joblib.__version__)'])).stdout.trim();
  const script =
    'import sys\ndef model_fn(folder): return sys.prefix\ndef transform_fn(model, *_): return model\n';
  const served = await serve({ 'code/inference.py': script, 'code/requirements.txt': `joblib==${joblib}\n` });
  const { body: prefix } = await invoke(served.url, '');
  expect(prefix).toContain('sluice-requirements-');
  expect(existsSync(prefix)).toBe(true);
  expect((await stop(served)).code).toBe(0);
  expect(existsSync(prefix)).toBe(false);
});

it('goes on with a new process when one crashes after the model was loaded', async () => {
  const script = 'import os\ndef model_fn(folder): return 1\ndef transform_fn(*_): os.kill(os.getpid(), 9)\n';
  const served = await serve({ 'code/inference.py': script });
  await expect(invoke(served.url, '')).rejects.toThrow();
  expect((await fetch(`${served.url}/ping`)).status).toBe(200);
  await stop(served);
});

describe('a server that cannot start ends with a clear message', () => {
  it.each<[string, Record<string, string>, RegExp, Record<string, string>?]>([
    ['when there is no code folder', {}, /The code folder .*\/model\/code does not exist/],
    [
      'when the script is not there',
      { 'model/code/other.py': '' },
      /The script inference\.py is not in the code folder .* It holds: other\.py\./,
    ],
    [
      'when the code is in S3',
      {},
      /s3:\/\/b\/x, which is not a path/,
      { SAGEMAKER_SUBMIT_DIRECTORY: 's3://b/x' },
    ],
    [
      'when there is no model_fn',
      { 'model/code/inference.py': '' },
      /^inference\.py defines no model_fn\. Add `def model_fn\(model_dir\):`/,
    ],
    [
      'when transform_fn is mixed with the others',
      {
        'model/code/inference.py':
          'def model_fn(d): pass\ntransform_fn = output_fn = predict_fn = model_fn\n',
      },
      /^inference\.py defines transform_fn and predict_fn, output_fn\. transform_fn takes the place/,
    ],
    [
      'when the script cannot be imported',
      { 'model/code/inference.py': 'import no_such_module' },
      /^inference\.py could not load the model: ModuleNotFoundError: No module named 'no_such_module'/,
    ],
    [
      'when the model cannot be loaded',
      { 'model/code/inference.py': 'def model_fn(d): return open(d + "/model.joblib")' },
      /^inference\.py could not load the model: FileNotFoundError: .*\/model\/model\.joblib/,
    ],
    [
      'when the script leaves while it is imported',
      { 'model/code/inference.py': 'raise SystemExit(0)' },
      /^inference\.py could not load the model: SystemExit/,
    ],
    [
      'when loading the model kills the process',
      { 'model/code/inference.py': 'import os; os.kill(os.getpid(), 9)' },
      /^The server's process ended while inference\.py loaded the model: out of memory, a crash, or more than 60 seconds/,
    ],
    [
      'when a setting is no number',
      { 'model/code/inference.py': '' },
      /The variable SAGEMAKER_MODEL_SERVER_WORKERS is 'many'; it must be a whole number/,
      { SAGEMAKER_MODEL_SERVER_WORKERS: 'many' },
    ],
  ])('%s', async (_title, files, message, environment = {}) => {
    const { code, failure } = await serveInVain(files, environment);
    expect([1, 3]).toContain(code);
    expect(failure).toMatch(message);
  });

  it.runIf(process.platform === 'linux')('when several workers end at the same moment', async () => {
    // Each waits for the other; the server stands still until both have ended, and so hears of them at once.
    const script = [
      'import os, signal, time',
      'def model_fn(folder):',
      '    open(os.path.join(folder, str(os.getpid())), "w").close()',
      '    while len(os.listdir(folder)) < 3: time.sleep(0.01)',
      '    os.kill(os.getppid(), signal.SIGSTOP)',
      '    raise ValueError("no model")',
    ].join('\n');
    const base = makeFolder({ 'model/code/inference.py': script });
    const { process: server, finished } = startServing(base, await freePort(), {
      SAGEMAKER_MODEL_SERVER_WORKERS: '2',
    });
    const isOver = (pid: string) => /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    try {
      await until(() => {
        const workers = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8')
          .split(' ')
          .filter(Boolean);
        return workers.length === 2 && workers.every(isOver);
      });
    } finally {
      server.kill('SIGCONT');
    }
    const begun = performance.now();
    expect(await finished).toMatchObject({ code: 3 });
    // gunicorn's own patience with workers is 30 s.
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(readFileSync(join(base, 'output/failure'), 'utf8')).toContain('ValueError: no model');
  });
});
