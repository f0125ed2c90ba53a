import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  isAlive,
  makeFolder,
  python,
  root,
  serveCommand,
  startPython,
  transformDriver,
  waitFor,
  type Running,
} from '../images/fixtures/python.ts';

const fakeServer = join(root, 'test/images/fixtures/fake-server.py');
const linux = process.platform === 'linux';

interface Transform {
  /** Input files by name. */
  inputs: Record<string, string | Buffer>;
  config?: Record<string, unknown>;
  /** What the fake server does; see fake-server.py. */
  server?: Record<string, unknown>;
  environment?: Record<string, string>;
}

interface Request {
  body: string | null;
  bytes: number;
  chunked: boolean;
  inFlight: number;
  contentType: string | null;
  accept: string | null;
  driverPeakKb: number | null;
}

interface Start {
  pid: number;
  child: number | null;
  variables: Record<string, string>;
  descriptors: string[];
}

class Job {
  readonly folder: string;
  constructor(transform: Transform) {
    const { inputs, config = {}, server = {} } = transform;
    this.folder = makeFolder({ 'out/.keep': '' });
    const input = makeFolder(inputs);
    const complete = {
      serve: [python, '-I', '-S', fakeServer, JSON.stringify({ log: join(this.folder, 'log'), ...server })],
      baseDir: join(this.folder, 'ml'),
      inputs: Object.keys(inputs).map((name) => ({ path: join(input, name), name })),
      outputDir: join(this.folder, 'out'),
      contentType: 'text/csv',
      accept: 'text/csv',
      splitType: 'Line',
      assembleWith: 'Line',
      batchStrategy: null,
      maxPayloadInMB: null,
      maxConcurrentTransforms: null,
      invocationTimeoutSeconds: 20,
      startupTimeoutSeconds: 20,
      resultFile: join(this.folder, 'result.json'),
      failureFile: join(this.folder, 'ml/output/failure'),
      ...config,
    };
    this.configFile = join(makeFolder({ 'config.json': JSON.stringify(complete) }), 'config.json');
    this.environment = transform.environment ?? {};
  }
  private readonly configFile: string;
  private readonly environment: Record<string, string>;

  start(descriptors: number[] = []): Running {
    return startPython(['-I', '-S', transformDriver, this.configFile], this.environment, descriptors);
  }
  read(name: string): string | null {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : null;
  }
  /** All files of the output folder with their contents. */
  outputs(): Record<string, string> {
    const names = readdirSync(join(this.folder, 'out'), { recursive: true, encoding: 'utf8' });
    const files = names.filter((name) => name.includes('.out'));
    return Object.fromEntries(files.map((name) => [name, this.read(join('out', name)) ?? '']));
  }
  private events<T>(event: string): T[] {
    const lines = (this.read('log') ?? '').split('\n').slice(0, -1);
    return lines
      .map((line) => JSON.parse(line) as T & { event: string })
      .filter((found) => found.event === event);
  }
  requests = (): Request[] => this.events<Request>('request');
  server(): Start {
    const start = this.events<Start>('start')[0];
    if (!start) throw new Error('the server has not started');
    return start;
  }
}

async function transform(what: Transform) {
  const job = new Job(what);
  const { code, stderr } = await job.start().finished;
  return {
    job,
    code,
    stderr,
    outputs: job.outputs(),
    requests: job.requests(),
    result: JSON.parse(job.read('result.json') ?? 'null') as {
      records: number;
      files: unknown[];
      requests: number;
    } | null,
    failure: job.read('ml/output/failure'),
  };
}

const MB = 1024 * 1024;
const kilobyte = (letter: string) => letter.repeat(1023) + '\n';

describe('a transform', () => {
  it.each<
    [
      string,
      Transform,
      { outputs: Record<string, string>; bodies?: string[]; records: number; requests: number },
    ]
  >([
    [
      'sends all records that fit into the payload as one request',
      { inputs: { 'a.csv': 'a,1\nb,2\n' } },
      { outputs: { 'a.csv.out': 'A,1\nB,2\n' }, bodies: ['a,1\nb,2\n'], records: 2, requests: 1 },
    ],
    [
      'sends one record a request with SingleRecord',
      { inputs: { 'a.csv': 'a\nb\nc\n' }, config: { batchStrategy: 'SingleRecord' } },
      { outputs: { 'a.csv.out': 'A\nB\nC\n' }, bodies: ['a\n', 'b\n', 'c\n'], records: 3, requests: 3 },
    ],
    [
      'sends the whole file with SplitType None, with both strategies',
      {
        inputs: { 'a.csv': 'a\n\nb' },
        config: { splitType: 'None', assembleWith: 'None', batchStrategy: 'SingleRecord' },
      },
      { outputs: { 'a.csv.out': 'A\nB\n' }, bodies: ['a\n\nb'], records: 1, requests: 1 },
    ],
    [
      'takes a last line without a line end as a record',
      { inputs: { 'a.csv': 'a\nb' }, server: { noFinalNewline: true } },
      { outputs: { 'a.csv.out': 'A\nB\n' }, bodies: ['a\nb'], records: 2, requests: 1 },
    ],
    [
      'keeps the line ends of Windows in what it sends',
      { inputs: { 'a.csv': 'a\r\nb\r\n' }, config: { batchStrategy: 'SingleRecord' } },
      { outputs: { 'a.csv.out': 'A\nB\n' }, bodies: ['a\r\n', 'b\r\n'], records: 2, requests: 2 },
    ],
    [
      'takes blank lines for no records',
      { inputs: { 'a.csv': '\na\n \t\n\r\nb\n\n' } },
      { outputs: { 'a.csv.out': 'A\nB\n' }, bodies: ['a\nb\n'], records: 2, requests: 1 },
    ],
    [
      'writes an empty output for an empty file, without a request',
      { inputs: { 'a.csv': '', 'b.csv': '\n\n' } },
      { outputs: { 'a.csv.out': '', 'b.csv.out': '' }, bodies: [], records: 0, requests: 0 },
    ],
    [
      'writes an empty output for an empty file with SplitType None',
      { inputs: { 'a.csv': '' }, config: { splitType: 'None' } },
      { outputs: { 'a.csv.out': '' }, bodies: [], records: 0, requests: 0 },
    ],
    [
      'sends bytes that are not UTF-8 as they are',
      { inputs: { 'a.csv': Buffer.from([0x61, 0xff, 0x0a]) }, server: { result: 'fine\n' } },
      { outputs: { 'a.csv.out': 'fine\n' }, bodies: ['a\u00ff\n'], records: 1, requests: 1 },
    ],
    [
      'writes the output of a nested input into the same folder',
      { inputs: { 'a.csv': 'a\n', 'sub/deep/b.csv': 'b\n' } },
      { outputs: { 'a.csv.out': 'A\n', 'sub/deep/b.csv.out': 'B\n' }, records: 2, requests: 2 },
    ],
    [
      'adds the newline that a response lacks with AssembleWith Line',
      {
        inputs: { 'a.csv': 'a\nb\n' },
        config: { batchStrategy: 'SingleRecord' },
        server: { noFinalNewline: true },
      },
      { outputs: { 'a.csv.out': 'A\nB\n' }, records: 2, requests: 2 },
    ],
    [
      'joins the responses as they are with AssembleWith None',
      {
        inputs: { 'a.csv': 'a\nb\n' },
        config: { batchStrategy: 'SingleRecord', assembleWith: 'None' },
        server: { noFinalNewline: true },
      },
      { outputs: { 'a.csv.out': 'AB' }, records: 2, requests: 2 },
    ],
    [
      'takes JSON Lines in and out',
      {
        inputs: { 'a.jsonl': '{"x": 1}\n[2]\n' },
        config: { contentType: 'application/jsonlines', accept: 'application/jsonlines' },
      },
      { outputs: { 'a.jsonl.out': '{"X": 1}\n[2]\n' }, bodies: ['{"x": 1}\n[2]\n'], records: 2, requests: 1 },
    ],
    [
      'takes a JSON array with one element a record',
      { inputs: { 'a.csv': 'a\nb\n' }, config: { accept: 'application/json' }, server: { json: true } },
      { outputs: { 'a.csv.out': '["A", "B"]\n' }, records: 2, requests: 1 },
    ],
    [
      'takes any JSON for a single record',
      {
        inputs: { 'a.csv': 'a\n' },
        config: { accept: 'application/json' },
        server: { result: '[0.1, 0.9]' },
      },
      { outputs: { 'a.csv.out': '[0.1, 0.9]\n' }, records: 1, requests: 1 },
    ],
    [
      'takes JSON that is no array without counting it',
      {
        inputs: { 'a.csv': 'a\nb\n' },
        config: { accept: 'application/json' },
        server: { result: '{"predictions": [1]}' },
      },
      { outputs: { 'a.csv.out': '{"predictions": [1]}\n' }, records: 2, requests: 1 },
    ],
    [
      'streams a file in chunks without a limit when MaxPayloadInMB is 0',
      { inputs: { 'a.csv': 'a\n\nb\nc' }, config: { maxPayloadInMB: 0 } },
      { outputs: { 'a.csv.out': 'A\nB\nC\n' }, bodies: ['a\nb\nc'], records: 3, requests: 1 },
    ],
    [
      'streams a whole file in chunks when MaxPayloadInMB is 0 and SplitType is None',
      { inputs: { 'a.csv': 'a\n\nb\n' }, config: { maxPayloadInMB: 0, splitType: 'None' } },
      { outputs: { 'a.csv.out': 'A\nB\n' }, bodies: ['a\n\nb\n'], records: 1, requests: 1 },
    ],
  ])('%s', async (_title, what, expected) => {
    const { code, stderr, outputs, requests, result, failure } = await transform(what);
    expect(code, stderr).toBe(0);
    expect(outputs).toEqual(expected.outputs);
    if (expected.bodies) expect(requests.map((request) => request.body)).toEqual(expected.bodies);
    expect(result).toMatchObject({ records: expected.records, requests: expected.requests });
    expect(requests).toHaveLength(expected.requests);
    expect(requests.every(({ chunked }) => chunked === (what.config?.maxPayloadInMB === 0))).toBe(true);
    expect(failure).toBeNull();
  });

  it('reports each file with its records', async () => {
    const { result } = await transform({ inputs: { 'a.csv': 'a\nb\n', 'sub/b.csv': 'c\n' } });
    expect(result).toEqual({
      records: 3,
      files: [
        { name: 'a.csv.out', records: 2 },
        { name: 'sub/b.csv.out', records: 1 },
      ],
      requests: 2,
    });
  });

  it('fills requests up to MaxPayloadInMB and not beyond', async () => {
    const { code, requests, outputs } = await transform({
      inputs: { 'a.csv': kilobyte('a').repeat(2500) },
      config: { maxPayloadInMB: 1 },
    });
    expect(code).toBe(0);
    expect(requests.map((request) => request.bytes)).toEqual([MB, MB, 452 * 1024]);
    expect(outputs['a.csv.out']).toBe(kilobyte('A').repeat(2500));
  });

  it('keeps so many requests in flight as it may, and the order of the records', async () => {
    const names = Array.from({ length: 24 }, (_, index) => `record${index}x`);
    // The first of every four takes longest.
    const on = Object.fromEntries(names.map((name, index) => [name, 0.01 + 0.06 * ((24 - index) % 4)]));
    const { code, requests, outputs } = await transform({
      inputs: { 'a.csv': names.join('\n') },
      config: { batchStrategy: 'SingleRecord', maxConcurrentTransforms: 4 },
      server: { on, together: 4 },
    });
    expect(code).toBe(0);
    expect(Math.max(...requests.map((request) => request.inFlight))).toBe(4);
    expect(outputs['a.csv.out']).toBe(names.join('\n').toUpperCase() + '\n');
  });

  it('sends one request at a time by default', async () => {
    const { requests } = await transform({
      inputs: { 'a.csv': 'a\nb\nc\nd\n' },
      config: { batchStrategy: 'SingleRecord' },
      server: { seconds: 0.05 },
    });
    expect(requests.map((request) => request.inFlight)).toEqual([1, 1, 1, 1]);
  });

  it('takes what the job leaves open from /execution-parameters', async () => {
    const { requests } = await transform({
      inputs: { 'a.csv': 'a\nb\nc\nd\n' },
      server: {
        seconds: 0.1,
        together: 2,
        executionParameters:
          '{"BatchStrategy":"SINGLE_RECORD","MaxConcurrentTransforms":2,"MaxPayloadInMB":1}',
      },
    });
    expect(requests).toHaveLength(4);
    expect(Math.max(...requests.map((request) => request.inFlight))).toBe(2);
  });

  it('prefers the settings of the job to /execution-parameters', async () => {
    const { requests } = await transform({
      inputs: { 'a.csv': 'a\nb\n' },
      config: { batchStrategy: 'MultiRecord' },
      server: { executionParameters: '{"BatchStrategy":"SINGLE_RECORD"}' },
    });
    expect(requests).toHaveLength(1);
  });

  it('says in the environment of the server how it will be asked', async () => {
    const { job } = await transform({
      inputs: { 'a.csv': 'a\n' },
      config: { batchStrategy: 'SingleRecord', maxPayloadInMB: 2, maxConcurrentTransforms: 3 },
    });
    const { variables, pid } = job.server();
    expect(variables).toMatchObject({
      SAGEMAKER_BASE_DIR: join(job.folder, 'ml'),
      SAGEMAKER_BATCH: 'true',
      SAGEMAKER_BATCH_STRATEGY: 'SINGLE_RECORD',
      SAGEMAKER_MAX_PAYLOAD_IN_MB: '2',
      SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: '3',
      SAGEMAKER_MODEL_SERVER_TIMEOUT: '20',
      LISTEN_FDS: '1',
      LISTEN_PID: String(pid),
    });
  });

  it('sends Content-Type and Accept, and no Accept when the job has none', async () => {
    const inputs = { 'a.csv': 'a\n' };
    const both = await transform({ inputs, config: { contentType: 'text/csv; header=absent' } });
    expect(both.requests[0]).toMatchObject({ contentType: 'text/csv; header=absent', accept: 'text/csv' });
    const none = await transform({ inputs, config: { accept: null }, server: { contentType: 'text/csv' } });
    expect(none.requests[0]).toMatchObject({ accept: null });
  });

  it.skipIf(!linux)('holds neither the input nor the output in memory', async () => {
    const { code, requests } = await transform({
      inputs: { 'a.csv': kilobyte('a').repeat(40 * 1024) },
      config: { maxPayloadInMB: 1, maxConcurrentTransforms: 2 },
      server: { measure: true },
    });
    expect(code).toBe(0);
    expect(requests).toHaveLength(40);
    // 12 MB of Python, and at most four payloads with their responses.
    expect(Math.max(...requests.map((request) => request.driverPeakKb ?? Infinity))).toBeLessThan(36 * 1024);
  });

  it('serves a real model by the serve command of the framework image', async () => {
    const script =
      'class Model:\n  def predict(self, x): return x.sum(axis=1)\ndef model_fn(folder): return Model()\n';
    const base = makeFolder({ 'model/code/inference.py': script });
    const { code, outputs, stderr } = await transform({
      inputs: { 'a.csv': '1,2\n3,4\n' },
      config: { serve: [python, ...serveCommand()], baseDir: base },
    });
    expect(code, stderr).toBe(0);
    expect(outputs).toEqual({ 'a.csv.out': '3.0\n7.0\n' });
  });
});

describe('a transform fails, and leaves no output of the file,', () => {
  it.each<[string, Transform, RegExp]>([
    [
      'when the server answers with another status than 200',
      {
        inputs: { 'a.csv': 'a\nb\nbad\n' },
        config: { batchStrategy: 'SingleRecord' },
        server: { on: { bad: 500 } },
      },
      /^a\.csv, record 3: the server answered 500: no good: ä{191}$/,
    ],
    [
      'when the server answers with 201',
      { inputs: { 'a.csv': 'a\nb\n' }, server: { on: { a: 201 } } },
      /^a\.csv, records 1–2: the server answered 201: no good/,
    ],
    [
      'when a prediction is missing',
      { inputs: { 'a.csv': 'a\nb\nc\n' }, server: { loses: 1 } },
      /^a\.csv, records 1–3: sent 3 records, got 2 predictions\./,
    ],
    [
      'when the prediction of a single record is missing',
      { inputs: { 'a.csv': 'a\nb\n' }, config: { batchStrategy: 'SingleRecord' }, server: { loses: 1 } },
      /^a\.csv, record 1: sent 1 records, got 0 predictions\./,
    ],
    [
      'when a JSON array is too short',
      {
        inputs: { 'a.csv': 'a\nb\nc\n' },
        config: { accept: 'application/json' },
        server: { json: true, loses: 1 },
      },
      /sent 3 records, got 2 predictions\./,
    ],
    [
      'when a prediction is missing in what a job without Accept gets as CSV',
      {
        inputs: { 'a.csv': 'a\nb\n' },
        config: { accept: null },
        server: { loses: 1, contentType: 'text/csv; charset=utf-8' },
      },
      /sent 2 records, got 1 predictions\./,
    ],
    [
      'when a prediction is missing in a stream',
      { inputs: { 'a.csv': 'a\nb\nc\n' }, config: { maxPayloadInMB: 0 }, server: { loses: 1 } },
      /^a\.csv, records 1–3: sent 3 records, got 2 predictions\./,
    ],
    [
      'when a record is longer than the payload',
      { inputs: { 'a.csv': 'a\n' + 'b'.repeat(MB + 1) + '\nc\n' }, config: { maxPayloadInMB: 1 } },
      /^a\.csv, record 2 is longer than MaxPayloadInMB 1 allows \(1048576 bytes\)/,
    ],
    [
      'when the whole file is longer than the payload with SplitType None',
      { inputs: { 'a.csv': 'b'.repeat(MB + 1) }, config: { maxPayloadInMB: 1, splitType: 'None' } },
      /^a\.csv, the whole file is one request with SplitType None, and its 1048577 bytes are more than MaxPayloadInMB 1 allows/,
    ],
    [
      'when the server crashes',
      {
        inputs: { 'a.csv': 'a\nbad\n' },
        config: { batchStrategy: 'SingleRecord' },
        server: { on: { bad: 'crash' } },
      },
      /^The server ended with exit code 3 before the transform was done\./,
    ],
    [
      'when the server closes the connection',
      { inputs: { 'a.csv': 'a\n' }, server: { on: { a: 'disconnect' } } },
      /^a\.csv, record 1: the (server closed the connection without an answer|request failed)/,
    ],
    [
      'when a response ends too early',
      { inputs: { 'a.csv': 'a\n' }, server: { on: { a: 'cut' } } },
      /^a\.csv, record 1: the request failed: IncompleteRead/,
    ],
    [
      'when a request takes too long',
      { inputs: { 'a.csv': 'a\n' }, config: { invocationTimeoutSeconds: 1 }, server: { on: { a: 'hang' } } },
      /^a\.csv, record 1: no answer within 1 s \(invocation timeout\)/,
    ],
    [
      'when a response takes too long although bytes keep coming',
      { inputs: { 'a.csv': 'a\n' }, config: { invocationTimeoutSeconds: 1 }, server: { on: { a: 'drip' } } },
      /^a\.csv, record 1: no answer within 1 s \(invocation timeout\)/,
    ],
    [
      'with the answer of a server that refuses a request before it has read it',
      { inputs: { 'a.csv': kilobyte('a').repeat(5000) }, server: { refuseBeforeReading: true } },
      /^a\.csv, records 1–5000: (the server answered 413: too large for me|the request failed: ConnectionResetError)/,
    ],
    [
      'when an input is not there',
      { inputs: {}, config: { inputs: [{ path: '/no/such/file.csv', name: 'file.csv' }] } },
      /^file\.csv: \[Errno 2\] No such file or directory: '\/no\/such\/file\.csv'/,
    ],
    [
      'when the server ends at its start',
      { inputs: { 'a.csv': 'a\n' }, server: { exit: 7 } },
      /^The server ended with exit code 7/,
    ],
    [
      'when the server cannot be started',
      { inputs: { 'a.csv': 'a\n' }, config: { serve: ['/no/such/command'] } },
      /^The server could not be started: .*\/no\/such\/command/,
    ],
    [
      'when /ping is never answered with 200',
      { inputs: { 'a.csv': 'a\n' }, config: { startupTimeoutSeconds: 5 }, server: { ping: 503 } },
      /^The server did not answer GET \/ping with 200 within 5 s \(the last answer: 503\)/,
    ],
    [
      'when /ping is never answered',
      { inputs: { 'a.csv': 'a\n' }, config: { startupTimeoutSeconds: 1 }, server: { pingHangs: true } },
      /^The server did not answer GET \/ping with 200 within 1 s \(the last answer: .*timed out\)/,
    ],
    [
      'when /execution-parameters is not JSON',
      { inputs: { 'a.csv': 'a\n' }, server: { executionParameters: 'none' } },
      /^GET \/execution-parameters failed: Expecting value/,
    ],
    [
      'when /execution-parameters has a strange value',
      { inputs: { 'a.csv': 'a\n' }, server: { executionParameters: '{"MaxPayloadInMB": "6"}' } },
      /^GET \/execution-parameters failed: MaxPayloadInMB is '6'/,
    ],
  ])('%s', async (_title, what, message) => {
    const { job, code, outputs, failure, result, stderr } = await transform(what);
    expect(code).toBe(1);
    expect(failure).toMatch(message);
    expect(outputs).toEqual({});
    expect(result).toBeNull();
    expect(stderr).toContain(failure);
    expect(stderr).not.toContain('Traceback');
    if (job.read('log')) expect(isAlive(job.server().pid)).toBe(false);
  });

  it('but transforms the other files', async () => {
    const { code, outputs, failure, result } = await transform({
      inputs: { 'a.csv': 'bad\n', 'b.csv': 'b\n', 'c.csv': 'bad\n' },
      server: { on: { bad: 400 } },
    });
    expect(code).toBe(1);
    expect(outputs).toEqual({ 'b.csv.out': 'B\n' });
    expect(failure).toMatch(/^a\.csv, record 1: the server answered 400: .* \(2 of 3 files failed\.\)$/);
    expect(result).toBeNull();
  });

  it('with the words of a server that wrote the failure file itself', async () => {
    const base = makeFolder({ 'model/code/inference.py': 'def input_fn(body, content_type): pass\n' });
    const job = new Job({
      inputs: { 'a.csv': '1\n' },
      config: {
        serve: [python, ...serveCommand()],
        baseDir: base,
        failureFile: join(base, 'output/failure'),
      },
    });
    expect((await job.start().finished).code).toBe(1);
    expect(readFileSync(join(base, 'output/failure'), 'utf8')).toMatch(/^inference\.py defines no model_fn/);
  });
});

describe('the server', () => {
  it('is stopped when the transform is done, with all its processes', async () => {
    const { job, code } = await transform({ inputs: { 'a.csv': 'a\n' }, server: { hasChild: true } });
    expect(code).toBe(0);
    const { pid, child } = job.server();
    expect(isAlive(pid)).toBe(false);
    await waitFor('the child of the server to be gone', () => child !== null && !isAlive(child));
  });

  it('is killed when it does not obey SIGTERM', async () => {
    const { job, code } = await transform({ inputs: { 'a.csv': 'a\n' }, server: { ignoresSigterm: true } });
    expect(code).toBe(0);
    expect(isAlive(job.server().pid)).toBe(false);
  });

  it.each([
    ['obeys SIGTERM', {}],
    ['ignores SIGTERM', { ignoresSigterm: true }],
  ])('is stopped, and no output left, on SIGTERM when it %s', async (_title, server) => {
    const job = new Job({
      inputs: { 'a.csv': 'a\n', 'b.csv': 'slow\n' },
      server: { on: { slow: 'hang' }, hasChild: true, ...server },
    });
    const running = job.start();
    await waitFor('the second file to be sent', () => job.requests().length === 2);
    expect(job.outputs()).toEqual({ 'a.csv.out': 'A\n', 'b.csv.out.part': '' });
    running.process.kill('SIGTERM');
    expect((await running.finished).code).toBe(143);
    expect(job.outputs()).toEqual({});
    expect(job.read('result.json')).toBeNull();
    expect(job.read('ml/output/failure')).toBeNull();
    const { pid, child } = job.server();
    expect(isAlive(pid)).toBe(false);
    await waitFor('the child of the server to be gone', () => child !== null && !isAlive(child));
  });

  it('is stopped on SIGTERM while it starts', async () => {
    const job = new Job({ inputs: { 'a.csv': 'a\n' }, server: { ping: 503 } });
    const running = job.start();
    await waitFor('the server to start', () => job.read('log')?.includes('\n') === true);
    running.process.kill('SIGTERM');
    expect((await running.finished).code).toBe(143);
    expect(isAlive(job.server().pid)).toBe(false);
  });

  it.skipIf(!linux)('ends with a driver that is killed', async () => {
    const job = new Job({ inputs: { 'a.csv': 'slow\n' }, server: { on: { slow: 'hang' } } });
    const running = job.start();
    await waitFor('the file to be sent', () => job.requests().length === 1);
    running.process.kill('SIGKILL');
    await waitFor('the server to be gone', () => !isAlive(job.server().pid));
  });

  it.skipIf(!linux)(
    'inherits what the driver inherited, such as a lock on the job, even as descriptor 3',
    async () => {
      const lock = join(makeFolder({ lock: '' }), 'lock');
      const job = new Job({ inputs: { 'a.csv': 'a\n' } });
      const descriptor = openSync(lock, 'r');
      const { code } = await job.start([descriptor]).finished;
      closeSync(descriptor);
      expect(code).toBe(0);
      expect(job.server().descriptors).toContain(lock);
    },
  );
});
