import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromTagValue, toTagValue } from '../../src/core/tags.ts';

test.each([
  ['abalone-1', 'abalone-1'],
  ['a=b', 'a=3db'],
  ['#50%', '=2350=25'],
  ['Größe ✓', 'Größe =e2=9c=93'],
])('%j is %j as the value of a tag', (text, value) => {
  expect(toTagValue(text)).toBe(value);
});

test('any text is a value that AWS takes, and comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const value = toTagValue(text);
      expect(value).toMatch(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u);
      expect(fromTagValue(value)).toBe(text);
    }),
  );
});

test('a value that was not made by us is read as it is', () => {
  expect(fromTagValue('x=zz =')).toBe('x=zz =');
  expect(fromTagValue('a=ff')).toBe('a=ff');
});
