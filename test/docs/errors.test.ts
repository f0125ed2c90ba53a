import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCodes, errorTable } from '../../src/core/errors.ts';

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section): [string, string] => {
      const end = section.indexOf('\n');
      return [section.slice(0, end).trim(), section.slice(end)];
    }),
);

describe('docs/errors.md', () => {
  it('has one section for each code, in the order of the table, and no other', () => {
    expect([...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(errorCodes);
  });

  it.each(errorCodes)('says of %s whether it is retried, as the table does', (code) => {
    const answers = [...sections.get(code)!.matchAll(/^(?:- )?Retried: (.*)$/gm)].map(([, answer]) => answer);
    expect(answers).toEqual([errorTable[code].retryable ? 'yes' : 'no']);
  });

  it.each(errorCodes)('says of %s when it is raised and what to do, with an example', (code) => {
    const section = sections.get(code);
    expect(section).toMatch(/^- Raised: \S/m);
    expect(section).toMatch(/^- What to do: \S/m);
    expect(section).toMatch(/^```\n\S[\s\S]*?\n```$/m);
  });
});
