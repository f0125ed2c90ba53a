import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { smallPipeline } from '../support/pipelines.ts';

const folder = new URL('../../', import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, folder), 'utf8')) as object;
const validator = new Ajv2020({
  strict: true,
  strictRequired: false,
  allowUnionTypes: true,
  formats: { uri: true },
});
for (const name of ['pipeline.schema.json', 'run-input.schema.json'])
  validator.addSchema(read(`schemas/${name}`), name);
const isPipeline = validator.getSchema('pipeline.schema.json')!;
const isRunInput = validator.getSchema('run-input.schema.json')!;

const examples = readdirSync(new URL('examples', folder))
  .map((name) => `examples/${name}/pipeline.json`)
  .filter((path) => readdirSync(new URL('./', new URL(path, folder))).includes('pipeline.json'));

const step = (name: string, value: Json | undefined) => smallPipeline({}, { [name]: value });
const get = { Get: 'Parameters.p' };
const script = { script: 'a.py' };

test.each(examples)('%s is valid', (path) => {
  expect(isPipeline(read(path))).toBe(true);
  expect(isRunInput({ pipeline: read(path) })).toBe(true);
});

test.each<[string, Json]>([
  ['the smallest file', smallPipeline()],
  ['a reference to the schema', smallPipeline({ $schema: '../schemas/pipeline.schema.json' })],
  ['a reference as text', smallPipeline({ code: get })],
  ['a reference as number', step('condition', { metric: get, lessThan: get })],
  ['a reference as whole number', step('train', { ...script, instanceCount: get })],
  ['a reference as choice', step('train', { ...script, executionMode: get })],
  ['a reference in a list', step('train', { entrypoint: ['sh', get] })],
  ['a reference as hyperparameter', step('train', { ...script, hyperparameters: { depth: get } })],
  ['a reference in an environment', step('train', { ...script, environment: { A: get } })],
  ['a reference in a webhook', step('notify', [{ webhook: get }])],
  ['joins in joins', smallPipeline({ code: join('a', 1, join(get)) })],
])('%s is valid in a pipeline', (_title, file) => {
  expect(isPipeline(file)).toBe(true);
});

test.each<[string, Json]>([
  ['an unknown key', smallPipeline({ nmae: 'x' })],
  ['an unknown step', step('trian', script)],
  ['an unknown key of a step', step('train', { ...script, scirpt: 'x' })],
  ['a missing step', step('train', undefined)],
  ['text for a number', step('condition', { metric: 'm', lessThan: '7' })],
  ['half an instance', step('train', { ...script, instanceCount: 1.5 })],
  ['two comparisons', step('condition', { metric: 'm', lessThan: 7, greaterThan: 1 })],
  ['no comparison', step('condition', { metric: 'm' })],
  ['a script and an entrypoint', step('train', { ...script, entrypoint: ['x'] })],
  ['neither', step('train', {})],
  ['a way out of the code', step('train', { script: '../a.py' })],
  ['a way out behind a line separator', step('train', { script: 'a\u2028/../b.py' })],
  ['controls', smallPipeline({ code: 'a\u001b' })],
  ['a bad name', smallPipeline({ name: 'a_b' })],
  ['a name of 64 characters', smallPipeline({ name: 'a'.repeat(64) })],
  ['no outputs', step('preprocess', { ...script, input: 'a', outputs: [] })],
  ['a reference to elsewhere', smallPipeline({ code: { Get: 'Steps.x' } })],
  ['a reference with another key', smallPipeline({ code: { ...get, Default: 'x' } })],
  ['a join of an object', smallPipeline({ code: join({ x: 1 }) })],
  ['a reference among the parameters', smallPipeline({ parameters: { p: { type: get } } })],
  ['a default of another type', smallPipeline({ parameters: { p: { type: 'Float', default: '7' } } })],
])('%s is not valid in a pipeline', (_title, file) => {
  expect(isPipeline(file)).toBe(false);
});

test.each<[string, unknown, boolean]>([
  ['a location', { pipeline: 'p.json' }, true],
  ['a pipeline', { pipeline: smallPipeline(), parameters: { a: 1, b: 'x', c: true } }, true],
  ['a bad pipeline', { pipeline: smallPipeline({ nmae: 1 }) }, false],
  ['a list of parameters', { pipeline: 'p', parameters: ['a=1'] }, false],
  ['an unknown key', { pipeline: 'p', mode: 'local' }, false],
  ['an unknown mode', { pipeline: 'p', executionMode: 'cloud' }, false],
  ['no pipeline', {}, false],
])('%s as the input of a run is judged right', (_title, input, valid) => {
  expect(isRunInput(input)).toBe(valid);
});

function join(...values: Json[]): Json {
  return { 'Std:Join': { On: '/', Values: values } };
}
