import { expect, test } from 'vitest';
import { parameterValues, parseParameterText, type Parameter } from '../../src/core/parameters.ts';
import { garbling } from './refusal.ts';

const of = (type: Parameter['type'], more: object = {}) => ({ p: { type, ...more } as Parameter });

test.each<[Parameter['type'], unknown]>([
  ['String', 'x'],
  ['String', '7'],
  ['String', 'x'.repeat(1024)],
  ['Integer', 7],
  ['Integer', -1],
  ['Integer', 7.0],
  ['Float', 7],
  ['Float', 0.5],
  ['Float', -1e-300],
  ['Boolean', false],
])('a %s takes %j', (type, value) => {
  expect(parameterValues(of(type), { p: value })).toEqual({ values: new Map([['p', value]]), problems: [] });
});

test.each<[Parameter['type'], unknown, string]>([
  ['String', 7, 'is of type String and takes a string of 1 to 1,024 characters, not 7'],
  ['String', '', 'not ""'],
  ['String', 'x'.repeat(1025), 'not "xxx'],
  ['String', null, 'not null'],
  ['Integer', 1.5, 'is of type Integer and takes a whole number, not 1.5'],
  ['Integer', '7', 'not "7"'],
  ['Integer', 2 ** 53, 'not 9007199254740992'],
  ['Float', '7', 'is of type Float and takes a finite number, not "7"'],
  ['Float', NaN, 'not NaN'],
  ['Float', Infinity, 'not Infinity'],
  ['Float', [7], 'not [7]'],
  ['Float', { Get: 'Parameters.q' }, 'not {"Get":"Parameters.q"}'],
  ['Boolean', 'true', 'is of type Boolean and takes true or false, not "true"'],
  ['Boolean', 0, 'not 0'],
  ['String', { hostile: '\u001b[31m\n\u009b' }, 'not {"hostile":"\\u001b[31m\\n\\u009b"}'],
])('a %s does not take %j', (type, value, message) => {
  const { values, problems } = parameterValues(of(type), { p: value });
  expect(values.size).toBe(0);
  expect(problems).toEqual([{ path: 'parameters.p', message: expect.stringContaining(message) }]);
  expect(problems[0]?.message).not.toMatch(garbling);
  expect(problems[0]?.message.length).toBeLessThan(300);
});

test('what is not given has its default; what has none is required', () => {
  const declared: Record<string, Parameter> = { a: { type: 'Float', default: 0 }, b: { type: 'Boolean' } };
  expect(parameterValues(declared, {})).toEqual({
    values: new Map([['a', 0]]),
    problems: [{ path: 'parameters.b', message: 'is required: it has no default and was not given' }],
  });
});

test('a parameter with enumerated values takes no other', () => {
  const declared = of('String', { enumValues: ['a', 'b'] });
  expect(parameterValues(declared, { p: 'b' }).problems).toEqual([]);
  expect(parameterValues(declared, { p: 'c' }).problems).toEqual([
    { path: 'parameters.p', message: 'takes one of a, b, not "c"' },
  ]);
});

test.each([
  ['q', 'parameters.q'],
  ['toString', 'parameters.toString'],
  ['a b', 'parameters["a b"]'],
  ['x\n  steps: ok\u001b[2J', 'parameters["x\\n  steps: ok\\u001b[2J"]'],
])('%j, which is not declared, is refused', (name, path) => {
  expect(parameterValues(of('Float', { default: 1 }), { [name]: 1 }).problems).toEqual([
    { path, message: 'is not declared by the pipeline (declared: p)' },
  ]);
});

test.each<[Parameter['type'], string, string | number | boolean]>([
  ['Float', '3.0', 3],
  ['Float', '-.5e3', -500],
  ['Float', '+7.', 7],
  ['Float', 'NaN', 'NaN'],
  ['Float', 'Infinity', 'Infinity'],
  ['Float', '0x10', '0x10'],
  ['Float', '', ''],
  ['Float', ' 3', ' 3'],
  ['Float', '1e999', Infinity],
  ['Integer', '1.5', 1.5],
  ['Boolean', 'true', true],
  ['Boolean', 'false', false],
  ['Boolean', 'yes', 'yes'],
  ['String', '7', '7'],
])('a %s given as the text %j is read as %j', (type, text, value) => {
  expect(parseParameterText(of(type).p, text)).toBe(value);
});

test('the text of a parameter that is not declared stays text', () => {
  expect(parseParameterText(undefined, '7')).toBe('7');
});
