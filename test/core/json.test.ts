import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson } from '../../src/core/json.ts';
import { garbling } from './refusal.ts';

test.each([
  ['the same key at two depths', '{"a":{"a":1}}'],
  ['the same key in two objects of a list', '[{"a":1},{"a":2}]'],
  ['a value equal to a key', '{"a":"a","b":"a"}'],
  ['brackets, commas and quotes in texts', '{"a":"{\\"a\\":1,}[","b":["a","a","}"],"{":1,"\\\\":2}'],
  ['empty containers', '{"a":{},"b":[],"c":[{}]}'],
  ['a key after a list and an object', '{"a":[1,{"b":2}],"b":{"a":1},"c":3}'],
  ['a scalar alone', '7'],
  ['keys of the prototype', '{"constructor":1,"toString":2,"hasOwnProperty":3}'],
])('%s is read', (_title, text) => {
  expect(parseJson(text)).toEqual({ kind: 'json', value: JSON.parse(text) });
});

test.each([
  ['a key twice', '{"a":1,"a":2}', 'it has the key "a" twice in one object'],
  ['a key twice, nested', '{"x":[{"y":{"a":1,"b":{},"a":[]}}]}', 'the key "a" twice'],
  ['a key twice, once escaped', '{"a":1,"\\u0061":2}', 'the key "a" twice'],
  ['an empty key twice', '{"":1,"":2}', 'the key "" twice'],
  ['a key with quotes twice', '{"\\"":1,"\\u0022":2}', 'the key "\\"" twice'],
  ['a key that garbles, twice', '{"\\u001b[2J":1,"\\u001b[2J":2}', 'the key "\\u001b[2J" twice'],
  ['a key twice, after a text with a bracket', '{"a":"}","a":2}', 'the key "a" twice'],
  ['a byte order mark', '\uFEFF{}', 'it starts with a byte order mark'],
  ['a literal NaN', '{"a":NaN}', 'it is not JSON ('],
  ['a literal Infinity', '{"a":-Infinity}', 'it is not JSON ('],
  ['nothing', '', 'it is not JSON ('],
  ['half an object', '{"a":1', 'it is not JSON ('],
  ['two documents', '{} {}', 'it is not JSON ('],
  ['a comment', '{/* no */}', 'it is not JSON ('],
  ['terminal controls', '\u001b[2J\n\u009b{', 'it is not JSON ('],
])('%s is refused', (_title, text, reason) => {
  const parsed = parseJson(text);
  expect(parsed).toEqual({ kind: 'invalid', reason: expect.stringContaining(reason) });
  expect(JSON.stringify(parsed)).not.toMatch(garbling);
});

test('it agrees with JSON.parse on whatever has no key twice', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      expect(parseJson(text)).toEqual({ kind: 'json', value: JSON.parse(text) });
    }),
  );
});

test('a long text in a file of a megabyte is no trouble', () => {
  const text = JSON.stringify({ a: '\\"'.repeat(250_000), b: 'x'.repeat(1_000_000) });
  expect(parseJson(text).kind).toBe('json');
});

test.each([
  ['lists', '['.repeat(100_000) + ']'.repeat(100_000)],
  ['objects', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)],
])('%s nested 100,000 deep end in an answer', (_title, text) => {
  expect(parseJson(text)).toEqual({ kind: 'invalid', reason: 'it is nested deeper than 64 levels' });
});
