import { expect, test } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { parsePipeline } from '../../src/core/parse-pipeline.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { garbling, nested, refusal } from './refusal.ts';

/** Takes JSON text, since only `JSON.parse` makes an own key `__proto__`. */
const withProto = (path: string) => JSON.parse(`{"__proto__":{"polluted":1},"kept":"${path}"}`) as Json;

test.each<[string, Json, Record<string, unknown>, string]>([
  ['the file', { ...smallPipeline(), ...proto() }, {}, '["__proto__"]'],
  ['the parameters', smallPipeline({ parameters: withProto('a') }), {}, 'parameters.__proto__'],
  [
    'hyperparameters',
    smallPipeline({}, { train: { script: 'a', hyperparameters: withProto('a') } }),
    {},
    'steps.train.hyperparameters.__proto__',
  ],
  [
    'an environment',
    smallPipeline({}, { train: { script: 'a', environment: withProto('a') } }),
    {},
    'steps.train.environment.__proto__',
  ],
  ['the parameters of the run', smallPipeline(), { parameters: withProto('a') }, 'parameters.__proto__'],
])('the key __proto__ in %s is refused, not dropped', (_title, file, overrides, path) => {
  const { message } = refusal(() => parsePipeline('f', file, overrides));
  expect(message).toContain(`${path.replace('["__proto__"]', '__proto__')}: is not a name to be used`);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype'])(
  '%s is a name like any other',
  (name) => {
    const file = smallPipeline(
      { parameters: { [name]: { type: 'Float', default: 2 } } },
      {
        preprocess: { script: 'a', input: 'b', outputs: [name, 'test'] },
        train: {
          script: 'a',
          channels: [name],
          hyperparameters: { [name]: 1 },
          environment: { [name]: 'x' },
        },
        condition: { metric: name, lessThan: { Get: `Parameters.${name}` } },
      },
    );
    const { pipeline, parameters } = parsePipeline('f', file);
    expect(parameters[name]).toBe(2);
    expect(pipeline.steps.train).toMatchObject({ channels: [name], hyperparameters: { [name]: 1 } });
    expect(pipeline.steps.condition.lessThan).toBe(2);
  },
);

test.each([
  ['the file', { deep: nested(100_000) }, {}],
  ['a field', smallPipeline({ name: nested(100_000) as Json }), {}],
  ['a join', smallPipeline({ name: deepJoin(50_000) }), {}],
  ['the parameters of the run', smallPipeline(), { parameters: { p: nested(100_000) } }],
])('%s nested 100,000 levels deep is refused', (_title, file, overrides) => {
  const { code, message } = refusal(() => parsePipeline('f', file, overrides));
  expect(code).toBe('InvalidInput');
  expect(message).toMatch(/: is nested deeper than 64 levels$/);
  expect(message.length).toBeLessThan(1000);
});

test('a huge file with thousands of parameters makes no huge message', () => {
  const names = Array.from({ length: 5000 }, (_, index) => `${'p'.repeat(40)}${index}`);
  const parameters = Object.fromEntries(names.map((name) => [name, { type: 'Float' }]));
  const steps = { train: { script: { Get: `Parameters.${'x'.repeat(100_000)}` } } };
  const { message } = refusal(() =>
    parsePipeline('f', smallPipeline({ parameters, ['k'.repeat(100_000)]: 1 }, steps)),
  );
  expect(message.length).toBeLessThan(10_000);
});

const hostile: [string, string][] = [
  ['a shell substitution', '$(touch /tmp/pwned); `id` && rm -rf / | sh'],
  ['newlines', 'a\nsteps.train.script: all is well\r\nb'],
  ['terminal controls', '\u001b[2J\u001b]0;title\u0007\u009b31m'],
  ['a NUL', 'a\0b'],
  ['text that runs backwards', 'a\u202egpj.exe'],
  ['half a character', 'a\ud800'],
  ['line separators', 'a\u2028b\u2029c'],
  ['a megabyte', 'x'.repeat(1024 * 1024)],
  ['a path', '../../../../etc/passwd'],
];

/** Every text of a file, by the path at which it stands. */
const places: [string, (text: string) => Json][] = [
  ['name', (text) => smallPipeline({ name: text })],
  ['description', (text) => smallPipeline({ description: text })],
  ['executionMode', (text) => smallPipeline({ executionMode: text })],
  ['code', (text) => smallPipeline({ code: text })],
  ['image', (text) => smallPipeline({ framework: undefined as never, image: text })],
  ['framework.version', (text) => smallPipeline({ framework: { name: 'sklearn', version: text } })],
  ['a key', (text) => smallPipeline({ [text]: 1 })],
  [
    'the name of a parameter',
    (text) => smallPipeline({ parameters: { [text]: { type: 'Float', default: 1 } } }),
  ],
  [
    'the default of a parameter',
    (text) =>
      smallPipeline({ parameters: { p: { type: 'String', default: text } }, code: { Get: 'Parameters.p' } }),
  ],
  ['the name of a step', (text) => smallPipeline({}, { [text]: {} })],
  ['a reference', (text) => smallPipeline({ code: { Get: `Parameters.${text}` } })],
  ['a join', (text) => smallPipeline({ code: { 'Std:Join': { On: text, Values: ['a', text] } } })],
  ['a script', (text) => smallPipeline({}, { train: { script: text } })],
  ['an entrypoint', (text) => smallPipeline({}, { train: { entrypoint: ['sh', text] } })],
  ['an argument', (text) => smallPipeline({}, { evaluate: { script: 'a', report: 'r', arguments: [text] } })],
  ['an output', (text) => smallPipeline({}, { preprocess: { script: 'a', input: 'b', outputs: [text] } })],
  ['a channel', (text) => smallPipeline({}, { train: { script: 'a', channels: [text] } })],
  ['a hyperparameter', (text) => smallPipeline({}, { train: { script: 'a', hyperparameters: { a: text } } })],
  [
    'the name of a hyperparameter',
    (text) => smallPipeline({}, { train: { script: 'a', hyperparameters: { [text]: 1 } } }),
  ],
  ['a variable', (text) => smallPipeline({}, { train: { script: 'a', environment: { A: text } } })],
  [
    'the name of a variable',
    (text) => smallPipeline({}, { train: { script: 'a', environment: { [text]: 'x' } } }),
  ],
  ['an instance type', (text) => smallPipeline({}, { train: { script: 'a', instanceType: text } })],
  ['an input', (text) => smallPipeline({}, { transform: { input: text } })],
  ['a content type', (text) => smallPipeline({}, { transform: { input: 'a', contentType: text } })],
  ['a report', (text) => smallPipeline({}, { evaluate: { script: 'a', report: text } })],
  ['a metric', (text) => smallPipeline({}, { condition: { metric: text, lessThan: 1 } })],
  ['a group', (text) => smallPipeline({}, { register: { group: text } })],
  ['a description of a model', (text) => smallPipeline({}, { register: { group: 'g', description: text } })],
  ['a webhook', (text) => smallPipeline({}, { notify: [{ webhook: text }] })],
];

/** Where a text may be anything that has no controls: it reaches no shell, and as a path it is checked on the disk. */
const free = new Set(['description', 'a description of a model', 'a metric']);

test.each(places.flatMap(([place, file]) => hostile.map(([kind, text]) => ({ place, kind, file, text }))))(
  '$kind as $place is refused in clear text, or kept as it is',
  ({ place, kind, file, text }) => {
    try {
      const { pipeline } = parsePipeline('f', file(text));
      expect(JSON.stringify(pipeline)).toContain(JSON.stringify(text).slice(1, -1));
      if (['newlines', 'terminal controls', 'a NUL'].includes(kind)) {
        expect(['a hyperparameter', 'a variable']).toContain(place);
        expect(kind).not.toBe('a NUL');
      }
      if (kind === 'a path' && !free.has(place)) {
        expect(place).not.toMatch(
          /^(name|a script|a report|an output|a channel|a group|a key|the name of a (step|variable))$/,
        );
      }
      expect(kind).not.toBe('a megabyte');
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'SluiceError') throw error;
      expect(error.message.replaceAll('\n', '')).not.toMatch(garbling);
      expect(error.message.length).toBeLessThan(3000);
      for (const line of error.message.split('\n').slice(1)) expect(line).toMatch(/^ {2}\S+.*: ./);
    }
  },
);

function proto(): Record<string, Json> {
  return JSON.parse('{"__proto__":1}') as Record<string, Json>;
}

function deepJoin(depth: number): Json {
  const open = '{"Std:Join":{"On":"","Values":[';
  return JSON.parse(`${open.repeat(depth)}${']}}'.repeat(depth)}`) as Json;
}
