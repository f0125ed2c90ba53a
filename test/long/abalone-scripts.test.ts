import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  addFiles,
  makeFolder,
  python,
  root,
  runPython,
  serveCommand,
  trainCommand,
  transformDriver,
} from '../images/fixtures/python.ts';

const example = join(root, 'examples/abalone');
const code = join(example, 'code');
const data = readFileSync(join(example, 'data/abalone.csv'), 'utf8');
const batch = readFileSync(join(example, 'data/batch.csv'), 'utf8');

async function runScript(base: string, name: string) {
  const result = await runPython([join(code, name)], {
    SAGEMAKER_BASE_DIR: base,
    PYTHONDONTWRITEBYTECODE: '1',
  });
  expect(result.code, result.stderr).toBe(0);
  return result.stdout;
}

interface Metrics {
  mse: { value: number; standard_deviation: number };
  rmse: { value: number };
  mae: { value: number };
  r2: { value: number };
  baseline_mse: { value: number };
}

/** Preprocess, train and evaluate in one job folder, handing the files on as the process engine does. */
async function runPipeline(csv: string): Promise<{ base: string; metrics: Metrics; log: string }> {
  const base = makeFolder({
    'processing/input/data/mine.csv': csv,
    'output/data/.keep': '',
    'model/.keep': '',
  });
  const log = await runScript(base, 'preprocess.py');
  const channels = ['train', 'validation', 'preprocessor'];
  for (const channel of channels) {
    cpSync(join(base, 'processing/output', channel), join(base, 'input/data', channel), { recursive: true });
  }
  addFiles(base, {
    'input/config/hyperparameters.json': JSON.stringify({
      sagemaker_program: 'train.py',
      sagemaker_submit_directory: code,
    }),
    'input/config/inputdataconfig.json': JSON.stringify(
      Object.fromEntries(channels.map((channel) => [channel, {}])),
    ),
  });
  const trained = await runPython([trainCommand], { SAGEMAKER_BASE_DIR: base });
  expect(trained.code, trained.stderr).toBe(0);

  mkdirSync(join(base, 'processing/input/model'));
  execFileSync('tar', [
    '-czf',
    join(base, 'processing/input/model/model.tar.gz'),
    '-C',
    join(base, 'model'),
    '.',
  ]);
  cpSync(join(base, 'processing/output/test'), join(base, 'processing/input/test'), { recursive: true });
  await runScript(base, 'evaluate.py');
  cpSync(code, join(base, 'model/code'), { recursive: true });
  const report = JSON.parse(
    readFileSync(join(base, 'processing/output/evaluation/evaluation.json'), 'utf8'),
  ) as {
    regression_metrics: Metrics;
  };
  return { base, metrics: report.regression_metrics, log };
}

/** The predictions for a file, by the serve command and the transform driver. */
async function predict(base: string, content: string, config: Record<string, unknown> = {}): Promise<string> {
  const folder = makeFolder({ input: content });
  const complete = {
    serve: [python, ...serveCommand()],
    baseDir: base,
    inputs: [{ path: join(folder, 'input'), name: 'batch' }],
    outputDir: folder,
    contentType: 'text/csv',
    accept: 'text/csv',
    splitType: 'Line',
    assembleWith: 'Line',
    invocationTimeoutSeconds: 20,
    startupTimeoutSeconds: 20,
    resultFile: join(folder, 'result.json'),
    failureFile: join(folder, 'failure'),
    ...config,
  };
  addFiles(folder, { 'config.json': JSON.stringify(complete) });
  const result = await runPython(['-I', '-S', transformDriver, join(folder, 'config.json')]);
  expect(result.code, result.stderr).toBe(0);
  return readFileSync(join(folder, 'batch.out'), 'utf8');
}

describe('the abalone example', () => {
  let run: Awaited<ReturnType<typeof runPipeline>>;
  let predictions: string[];
  beforeAll(async () => {
    run = await runPipeline(data);
    predictions = (await predict(run.base, batch)).trimEnd().split('\n');
  });

  it('reaches the metrics that its README promises', () => {
    const { mse, rmse, mae, r2, baseline_mse } = run.metrics;
    const readme = readFileSync(join(example, 'README.md'), 'utf8');
    const promised = (name: string) =>
      Number(new RegExp(`\\| \`${name}\` *\\| ([\\d.]+) *\\|`).exec(readme)?.[1]);
    expect(mse.value).toBeCloseTo(promised('mse.value'), 2);
    expect(mse.standard_deviation).toBeCloseTo(promised('mse.standard_deviation'), 2);
    expect(rmse.value).toBeCloseTo(promised('rmse.value'), 2);
    expect(mae.value).toBeCloseTo(promised('mae.value'), 2);
    expect(r2.value).toBeCloseTo(promised('r2.value'), 2);
    expect(baseline_mse.value).toBeCloseTo(promised('baseline_mse.value'), 2);
    expect(rmse.value).toBeCloseTo(Math.sqrt(mse.value), 10);
  });

  it('reaches the same metrics twice, to the last digit', async () => {
    expect((await runPipeline(data)).metrics).toEqual(run.metrics);
  });

  it('predicts each row of the batch, which the model has not seen', () => {
    const rows = batch.trimEnd().split('\n');
    expect(predictions).toHaveLength(rows.length);
    const labels = new Map(
      data.split('\n').map((line) => [line.slice(0, line.lastIndexOf(',')), Number(line.split(',')[8])]),
    );
    const errors = rows.map((row, index) => Number(predictions[index]) - (labels.get(row) ?? NaN));
    const mse = errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
    // As on the whole test part: rows that were trained on would be predicted much better.
    expect(mse).toBeGreaterThan(3);
    expect(mse).toBeLessThan(6);
  });

  const rows = batch.trimEnd().split('\n').slice(0, 3);
  const arrays = rows.map((row) => row.split(',').map((cell, index) => (index === 0 ? cell : Number(cell))));
  const names = [
    'sex',
    'length',
    'diameter',
    'height',
    'whole_weight',
    'shucked_weight',
    'viscera_weight',
    'shell_weight',
  ];
  const objects = arrays.map((row) =>
    Object.fromEntries(row.map((cell, index) => [names[index] ?? '', cell])),
  );
  const lines = (values: unknown[]) => values.map((value) => JSON.stringify(value)).join('\n') + '\n';
  it.each<[string, string, Record<string, unknown>]>([
    [
      'a JSON array of arrays',
      JSON.stringify(arrays),
      { contentType: 'application/json', splitType: 'None' },
    ],
    [
      'a JSON array of objects',
      JSON.stringify(objects),
      { contentType: 'application/json', splitType: 'None' },
    ],
    ['JSON Lines of arrays', lines(arrays), { contentType: 'application/jsonlines' }],
    ['JSON Lines of objects', lines(objects), { contentType: 'application/jsonlines' }],
    [
      'one record a request',
      rows.join('\r\n'),
      { batchStrategy: 'SingleRecord', maxConcurrentTransforms: 2 },
    ],
  ])('predicts the same for %s as for CSV', async (_title, content, config) => {
    const output = await predict(run.base, content, config);
    expect(output.trimEnd().split('\n')).toEqual(predictions.slice(0, 3));
  });

  it('answers in JSON', async () => {
    const output = await predict(run.base, rows.join('\n'), { accept: 'application/json' });
    expect(JSON.parse(output)).toEqual(predictions.slice(0, 3).map(Number));
  });

  it('predicts rows with missing cells', async () => {
    const output = await predict(run.base, ',,,,,,,\nM,0.5,?,0.1,NA,0.2,0.1,0.1\n');
    expect(
      output
        .trimEnd()
        .split('\n')
        .map(Number)
        .every((rings) => rings > 1 && rings < 30),
    ).toBe(true);
  });

  it('trains on data with missing cells and leaves out rows without a label, saying so', async () => {
    const cells = data
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    cells.forEach((row, index) => {
      if (index % 10 === 0) row[3] = '';
      if (index % 25 === 0) row[0] = '?';
      if (index % 100 === 0) row[8] = '';
    });
    const { metrics, log } = await runPipeline(cells.map((row) => row.join(',')).join('\n'));
    expect(log).toContain('4177 rows, 586 missing cells (imputed)');
    expect(log).toContain('left out 42 rows without rings');
    expect(metrics.mse.value).toBeGreaterThan(3);
    expect(metrics.mse.value).toBeLessThan(6);
  });
});

describe('the preprocessing of the abalone example refuses', () => {
  const start = data.split('\n').slice(0, 30).join('\n') + '\n';
  it.each<[string, Record<string, string>, RegExp]>([
    [
      'a header',
      { 'a.csv': 'Sex,L,D,H,W1,W2,W3,W4,Rings\n' + start },
      /^a\.csv, line 1: sex is 'Sex'.*; this looks like a header/,
    ],
    [
      'a row with too few columns',
      { 'a.csv': start + 'M,1,2\n' },
      /^a\.csv, line 31: 3 columns instead of 9 \(sex, length/,
    ],
    [
      'a row with too many columns',
      { 'a.csv': start + 'M,1,1,1,1,1,1,1,1,1\n' },
      /^a\.csv, line 31: 10 columns instead of 9/,
    ],
    [
      'a cell that is no number',
      { 'a.csv': start + 'M,1,x,1,1,1,1,1,1\n' },
      /^a\.csv, line 31: diameter is 'x', not a number/,
    ],
    [
      'an infinite number',
      { 'a.csv': start + 'M,1,inf,1,1,1,1,1,1\n' },
      /^a\.csv, line 31: diameter is 'inf', not a number/,
    ],
    [
      'a sex it does not know',
      { 'a.csv': start + 'X,1,1,1,1,1,1,1,1\n' },
      /^a\.csv, line 31: sex is 'X', not one of F, I, M/,
    ],
    ['an empty file', { 'a.csv': '' }, /^a\.csv has 0 rows; at least 20 are needed/],
    [
      'a column without values',
      { 'a.csv': start.replace(/^(.),[^,]*/gm, '$1,') },
      /^a\.csv has no value at all in: length/,
    ],
    ['two files', { 'a.csv': start, 'b.csv': start }, /must hold one CSV file; found: a\.csv, b\.csv/],
    ['no file', {}, /must hold one CSV file; found: none/],
  ])('%s', async (_title, files, message) => {
    const base = makeFolder({ 'processing/input/.keep': '' });
    mkdirSync(join(base, 'processing/input/data'));
    addFiles(join(base, 'processing/input/data'), files);
    const { code: exitCode, stderr } = await runPython([join(code, 'preprocess.py')], {
      SAGEMAKER_BASE_DIR: base,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('Traceback');
  });
});
