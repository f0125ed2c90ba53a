import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SluiceError } from '../../src/core/errors.ts';
import { excerpt, listed, oneLine, printable, quote } from '../../src/core/wording.ts';
import { garbling, nested } from './refusal.ts';

test.each([
  ['a', '"a"'],
  ['say "no"', '"say \\"no\\""'],
  ['one\ntwo', '"one\\ntwo"'],
  ['\u001b[31mred', '"\\u001b[31mred"'],
  ['\u009b31m', '"\\u009b31m"'],
  ['\u007f', '"\\u007f"'],
  ['left\u202eright', '"left\\u202eright"'],
  ['next\u2028line', '"next\\u2028line"'],
  ['\u0000', '"\\u0000"'],
  ['æøå 漢字 👩‍🔬', '"æøå 漢字 👩‍🔬"'],
])('text number %# is quoted so that it stays on its line', (text, quoted) => {
  expect(quote(text)).toBe(quoted);
});

test.each([
  [null, 'null'],
  [undefined, 'undefined'],
  [NaN, 'NaN'],
  [-Infinity, '-Infinity'],
  [1.5, '1.5'],
  [{ a: ['b\u009b'] }, '{"a":["b\\u009b"]}'],
])('value number %# has an excerpt', (value, text) => {
  expect(excerpt(value)).toBe(text);
});

test('what is too long, or too deep to be written, still has a short excerpt', () => {
  expect(excerpt('x'.repeat(1000))).toHaveLength(203);
  expect(excerpt(['x'.repeat(1000)])).toHaveLength(201);
  expect(excerpt(nested(200_000)).length).toBeLessThan(210);
});

test('names are listed, the first twenty, in quotation marks where they need them', () => {
  expect(listed([])).toBe('none');
  expect(listed(new Set(['a', 'b c', '\u001b[m']))).toBe('a, "b c", "\\u001b[m"');
  const many = Array.from({ length: 25 }, (_, index) => `n${index}`);
  expect(listed(many)).toMatch(/^n0, n1, .*, n19, … and 5 more$/);
});

test('text of others stays on its line, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(quote(text)).not.toMatch(garbling);
      expect(oneLine(text)).not.toMatch(garbling);
      expect(printable(text).replaceAll(/[\n\t]/g, '')).not.toMatch(garbling);
    }),
  );
});

test('a message keeps its lines; colours are taken away and other controls are shown', () => {
  const { message } = new SluiceError(
    'JobFailed',
    'a\r\nb\tc\rd \u001b[1;31mred\u001b[0m \u001b]0;title\u0007\0',
  );
  expect(message).toBe('a\nb\tc\nd red \\u001b]0;title\\u0007\\u0000');
});
