import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderPerTest } from '../support/folders.ts';
import { cases } from './cases.ts';
import { skipReasons } from './harness.ts';

const { isComplete, readCases, readConformance, toMarkdown, toText } = await import(
  new URL('../../scripts/testing/conformance.js', import.meta.url).href
);
const document = () => readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8');
const folder = folderPerTest();

/** A report as Vitest writes it. */
function report(
  ...tests: { status: string; id: string; target?: string; skip?: string; unavailable?: string }[]
) {
  const path = join(folder(), 'report.json');
  const assertionResults = tests.map(
    ({ status, id, target = 'process', skip = null, unavailable = null }) => ({
      status,
      meta: {
        conformance: { target, id, title: `The <${id}> | *holds*`, source: 'a_b_c', skip, unavailable },
      },
    }),
  );
  writeFileSync(path, JSON.stringify({ testResults: [{ assertionResults }, { assertionResults: [] }] }));
  return readConformance(path);
}

describe('the table of cases', () => {
  it('has ids that are fit for job names, each once', () => {
    const ids = cases.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id) || id.length > 40)).toEqual([]);
  });

  it('has a title and a source for each', () => {
    expect(cases.filter(({ title, source }) => title.length < 20 || source === '')).toEqual([]);
    expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
  });

  it('knows the ids that a target leaves out', () => {
    const skip = [{ caseId: cases[0]!.id, reason: 'a reason' }];
    expect([...skipReasons(cases, skip)]).toEqual([[cases[0]!.id, 'a reason']]);
    expect(() => skipReasons(cases, [{ caseId: 'no-such-case', reason: 'a reason' }])).toThrow(
      'No case has the id no-such-case',
    );
  });

  it('is what docs/conformance.md shows (`npm run conformance` writes it)', () => {
    expect(readCases(document())).toEqual(cases.map(({ id, title, source }) => ({ id, title, source })));
  });
});

describe('the document of a run', () => {
  it('has the verdict of every target, and a number for each reason', () => {
    const conformance = report(
      { id: 'one', status: 'passed' },
      { id: 'two', status: 'failed' },
      { id: 'one', target: 'container', status: 'passed', skip: 'It cannot.' },
      { id: 'two', target: 'container', status: 'passed' },
    );
    expect(isComplete(conformance)).toBe(true);
    const markdown = toMarkdown(conformance);
    expect(markdown).toContain(
      '| one | The &lt;one> &#124; &#42;holds&#42; | a&#95;b&#95;c | pass | not here (1) |\n',
    );
    expect(markdown).toContain(' | fail | pass |\n');
    expect(markdown).toContain('\n1. It cannot.\n');
    expect(markdown).toContain('- **process**: 1 pass, 1 fail\n- **container**: 1 pass, 1 not here\n');
    expect(readCases(markdown)).toEqual([
      { id: 'one', title: 'The <one> | *holds*', source: 'a_b_c' },
      { id: 'two', title: 'The <two> | *holds*', source: 'a_b_c' },
    ]);
    expect(toText(conformance)).toMatch(/^one {3}a_b_c {3}pass {5}not here \(1\)$/m);
  });

  it('is not complete while a target is missing, and the text says why', () => {
    const conformance = report(
      { id: 'one', status: 'passed' },
      { id: 'one', target: 'container', status: 'skipped', unavailable: 'No Docker here.' },
    );
    expect(isComplete(conformance)).toBe(false);
    expect(toText(conformance)).toContain('container: not run. No Docker here.');
    const partly = report(
      { id: 'one', status: 'passed' },
      { id: 'two', target: 'container', status: 'passed' },
    );
    expect(isComplete(partly)).toBe(false);
    expect(isComplete(report())).toBe(false);
  });
});
