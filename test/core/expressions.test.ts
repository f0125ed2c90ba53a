import { expect, test } from 'vitest';
import { resolveExpressions, type Json, type Scalar } from '../../src/core/expressions.ts';
import { garbling } from './refusal.ts';

const scope = {
  declared: new Set(['text', 'count', 'share', 'flag', 'unset']),
  values: new Map<string, Scalar>([
    ['text', 'a/b'],
    ['count', 3],
    ['share', 0.5],
    ['flag', false],
  ]),
  execution: new Map([
    ['StartDateTime', '2026-11-29T04:05:06Z'],
    ['ScheduledTime', '2026-11-28T23:30:00Z'],
    ['PipelineExecutionId', 'run-1'],
  ]),
};

test.each<[string, Json, Json]>([
  ['a parameter becomes its value', { Get: 'Parameters.text' }, 'a/b'],
  ['the value keeps its type', [{ Get: 'Parameters.count' }, { Get: 'Parameters.flag' }], [3, false]],
  ['values are joined', join('/', 'out', { Get: 'Parameters.count' }), 'out/3'],
  ['numbers and booleans join as JSON writes them', join(' ', 0.5, 1e21, true), '0.5 1e+21 true'],
  ['nothing joins to nothing', join('/'), ''],
  ['joins may stand in joins', join('-', 'a', join('+', 'b', { Get: 'Parameters.share' })), 'a-b+0.5'],
  ['what a run knows of itself has a value', { Get: 'Execution.ScheduledTime' }, '2026-11-28T23:30:00Z'],
  [
    'a time is formatted, in UTC',
    ['data', time('%Y/%m/%d.csv')].map((part) => join('', part)),
    ['data', '2026/11/28.csv'],
  ],
  [
    'a time is formatted in a time zone',
    time('%F %H:%M:%S %j%%', { TimeZone: 'Europe/Berlin' }),
    '2026-11-29 00:30:00 333%',
  ],
  [
    'days are added by the calendar of the zone',
    time('dt=%F', { TimeZone: 'Europe/Berlin', AddDays: -1 }),
    'dt=2026-11-28',
  ],
  [
    'the time and the format may be expressions',
    { 'Sluice:FormatTime': { Time: { Get: 'Execution.StartDateTime' }, Format: join('-', '%H', '%M') } },
    '04-05',
  ],
  ['"Get" beside another key is no expression', { Get: 'x', other: 1 }, { Get: 'x', other: 1 }],
  ['a key of the prototype is a key', { ['constructor']: 1 }, { ['constructor']: 1 }],
  [
    'everything else stays as it is',
    [null, 'Parameters.text', { a: [1.5] }],
    [null, 'Parameters.text', { a: [1.5] }],
  ],
])('%s', (_title, value, expected) => {
  expect(resolveExpressions(value, scope)).toMatchObject({ value: expected, problems: [] });
});

test.each<[string, Json, string, string]>([
  [
    'an undeclared parameter',
    { a: [{ Get: 'Parameters.txet' }] },
    'a[0]',
    'refers to parameter "txet", which is not declared (declared: text, count, share, flag, unset)',
  ],
  [
    'a name of the prototype',
    { a: { Get: 'Parameters.constructor' } },
    'a',
    'refers to parameter "constructor", which',
  ],
  [
    'another name space',
    { a: { Get: 'Steps.train.Model' } },
    'a',
    '{"Get": "Steps.train.Model"} is not known: only "Parameters.<name>" and "Execution.<name>" are',
  ],
  [
    'a variable that there is not',
    { a: { Get: 'Execution.ExecutionId' } },
    'a',
    'refers to "Execution.ExecutionId"; there is StartDateTime, ScheduledTime, PipelineName, PipelineExecutionId',
  ],
  [
    'a variable that is not known here',
    { a: { Get: 'Execution.PipelineName' } },
    'a',
    'refers to Execution.PipelineName, which is not known here',
  ],
  ['an unknown directive', { a: time('%Y-%b') }, 'a', '"Format" has "%b"; known are %Y, %m, %d'],
  ['half a directive', { a: time('100%') }, 'a', '"Format" has "%"'],
  [
    'an unknown time zone',
    { a: time('%F', { TimeZone: 'Mars/Base' }) },
    'a',
    '"TimeZone" is none that is known: "Mars/Base"',
  ],
  ['half a day', { a: time('%F', { AddDays: 0.5 }) }, 'a', '"Sluice:FormatTime" takes {"Time": …'],
  [
    'an expression that is none as a format',
    { a: { 'Sluice:FormatTime': { Time: { Get: 'Execution.ScheduledTime' }, Format: { 'Std:join': 1 } } } },
    'a',
    '"Sluice:FormatTime" takes {"Time": …',
  ],
  [
    'an expression that is none as days',
    { a: time('%F', { AddDays: { get: 'x' } }) },
    'a',
    'takes {"Time": …',
  ],
  ['text as days', { a: time('%F', { AddDays: { Get: 'Parameters.text' } }) }, 'a', 'takes {"Time": …'],
  ['no value at all', { a: time('%F', { TimeZone: null }) }, 'a', 'takes {"Time": …'],
  ['a time with another key', { a: time('%F', { Zone: 'UTC' }) }, 'a', 'and nothing else'],
  [
    'a time that is none',
    { a: { 'Sluice:FormatTime': { Time: { Get: 'Parameters.text' }, Format: '%F' } } },
    'a',
    '"Time" takes a time as in "2026-11-28T03:00:00Z", not "a/b"',
  ],
  ['no name', { a: { Get: 'Parameters.' } }, 'a', 'is not known'],
  ['a Get that is no text', { a: { Get: { Get: 'x' } } }, 'a', '{"Get": {"Get":"x"}} is not known'],
  [
    'a join without separator',
    { 'b c': { 'Std:Join': { Values: ['x'] } } },
    '["b c"]',
    '"Std:Join" takes {"On": string',
  ],
  ['a join with another key', { a: { 'Std:Join': { On: '', Values: [], By: 1 } } }, 'a', 'and nothing else'],
  [
    'a join of an object',
    { a: join('', { x: 1 }) },
    'a',
    '"Std:Join" joins strings, numbers and booleans only',
  ],
  ['a join of null', { a: join('', null) }, 'a', '"Std:Join" joins strings, numbers and booleans only'],
  [
    'a join of a bad reference',
    { a: join('', 'x', { Get: 'Parameters.no' }) },
    'a.Values[1]',
    'refers to parameter "no"',
  ],
  [
    'a reference that would garble the message',
    { a: { Get: 'Parameters.\u001b[2J\u009b' } },
    'a',
    'refers to parameter "\\u001b[2J\\u009b"',
  ],
])('%s is a problem at its place', (_title, value, path, message) => {
  const { problems } = resolveExpressions(value, scope);
  expect(problems).toEqual([{ path, message: expect.stringContaining(message) }]);
  expect(problems[0]?.message).not.toMatch(garbling);
});

test('it tells which expressions have no value, a join of one among them', () => {
  const { value, unresolved } = resolveExpressions(
    { a: { Get: 'Parameters.unset' }, b: [join('-', 'x', { Get: 'Parameters.no' })], c: join('-', 'x') },
    scope,
  );
  expect(value).toEqual({ a: null, b: [null], c: 'x' });
  expect(unresolved).toEqual(new Set(['a', 'b[0]', 'b[0].Values[1]']));
});

test('it tells which parameters were referred to, also inside joins and without a value', () => {
  const { used, problems } = resolveExpressions(
    { a: { Get: 'Parameters.text' }, b: join('', { Get: 'Parameters.unset' }) },
    scope,
  );
  expect(used).toEqual(new Set(['text', 'unset']));
  expect(problems).toEqual([]);
});

function time(format: string, more: Record<string, Json> = {}): Json {
  return { 'Sluice:FormatTime': { Time: { Get: 'Execution.ScheduledTime' }, Format: format, ...more } };
}

function join(separator: string, ...values: Json[]): Json {
  return { 'Std:Join': { On: separator, Values: values } };
}
