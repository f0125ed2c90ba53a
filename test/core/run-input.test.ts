import { expect, test } from 'vitest';
import { parseRunInput } from '../../src/core/run-input.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { garbling, nested, refusal } from './refusal.ts';

test.each([
  ['a location', { pipeline: 'examples/abalone/pipeline.json' }],
  ['a pipeline', { pipeline: smallPipeline() }],
  [
    'a mode and parameters',
    { pipeline: 'p', executionMode: 'sagemaker', parameters: { a: 1, b: 'x', c: false } },
  ],
  [
    'what a schedule says',
    { pipeline: 'p', onRejected: 'complete', scheduledTime: '2026-11-28T03:00:00+01:00' },
  ],
])('%s is taken as it is', (_title, input) => {
  expect(parseRunInput(input)).toEqual(input);
});

test.each<[string, unknown, string]>([
  ['nothing', undefined, '(top level): is missing; it takes an object'],
  ['a text', 'pipeline.json', '(top level): takes an object, not "pipeline.json"'],
  ['a list', [{ pipeline: 'p' }], '(top level): takes an object, not [{"pipeline":"p"}]'],
  ['no pipeline', {}, 'pipeline: must be the pipeline itself (an object), or where to read it'],
  ['an empty location', { pipeline: '' }, 'pipeline: must not be empty'],
  ['a list as pipeline', { pipeline: [] }, 'pipeline: must be the pipeline itself'],
  ['null as pipeline', { pipeline: null }, 'pipeline: must be the pipeline itself'],
  ['an unknown key', { pipeline: 'p', mode: 'local' }, 'mode: is not a known key (misspelt?)'],
  [
    'an unknown key that garbles',
    { pipeline: 'p', 'a\u001b[2J\n': 1 },
    '["a\\u001b[2J\\n"]: is not a known key',
  ],
  [
    'an unknown mode',
    { pipeline: 'p', executionMode: 'cloud' },
    'executionMode: takes one of "local", "sagemaker", not "cloud"',
  ],
  ['a mode of null', { pipeline: 'p', executionMode: null }, 'executionMode: takes one of'],
  [
    'a time without a zone',
    { pipeline: 'p', scheduledTime: '2026-11-28T03:00:00' },
    'scheduledTime: must be a time as in "2026-11-28T03:00:00Z"',
  ],
  [
    'a day that there is not',
    { pipeline: 'p', scheduledTime: '2026-13-01T00:00:00Z' },
    'scheduledTime: must be',
  ],
  [
    'parameters as a list',
    { pipeline: 'p', parameters: ['a=1'] },
    'parameters: takes an object, not ["a=1"]',
  ],
  [
    'a parameter of null',
    { pipeline: 'p', parameters: { a: null } },
    'parameters.a: takes text, a finite number, true or false',
  ],
  [
    'the key __proto__',
    JSON.parse('{"pipeline":"p","parameters":{"__proto__":1}}'),
    'parameters.__proto__: is not a name to be used',
  ],
  ['nesting without end', { pipeline: { steps: nested(100_000) } }, 'is nested deeper than 64 levels'],
])('%s is refused', (_title, input, message) => {
  const error = refusal(() => parseRunInput(input));
  expect(error.code).toBe('InvalidInput');
  expect(error.message).toMatch(/^The workflow input is not valid:\n {2}/);
  expect(error.message).toContain(message);
  expect(error.message.replaceAll('\n', '')).not.toMatch(garbling);
});

test('a pipeline larger than the history takes is refused', () => {
  const error = refusal(() => parseRunInput({ pipeline: { a: 'x'.repeat(256 * 1024) } }));
  expect(error).toMatchObject({
    code: 'InvalidInput',
    message: 'The workflow input: the pipeline is larger than 262144 characters of JSON',
  });
});
