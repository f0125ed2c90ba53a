import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { command } from '../support/commands.ts';
import { temporaryFolder } from './run-fixture.ts';

const summary = join(projectFolder, 'scripts/testing/summary.js');

const passed = { status: 'passed', fullName: 'one that passes' };
const failed = {
  status: 'failed',
  fullName: 'a group one that fails',
  failureMessages: [
    `AssertionError: \u001b[31mexpected 1 to be 2\u001b[39m\n    at ${projectFolder}/test/some.test.ts:7:9\n    at node:internal/x:1`,
  ],
};
const broken = { name: `${projectFolder}/test/broken.test.ts`, status: 'failed', message: 'no such module' };

function report(testResults: object[], counts: object): string {
  const path = join(temporaryFolder(), 'report.json');
  writeFileSync(path, JSON.stringify({ ...counts, testResults }));
  return path;
}

const some = (...assertionResults: object[]) => ({
  name: `${projectFolder}/test/some.test.ts`,
  status: 'failed',
  assertionResults,
});

test('the summary of a CI run ends with what failed, where and why, and the counts of all reports', async () => {
  const unit = report([some(passed, failed)], { numPassedTests: 1, numFailedTests: 1 });
  const long = report(
    [
      { ...broken, assertionResults: [] },
      { ...some(passed), status: 'passed' },
    ],
    {
      numPassedTests: 1,
      numFailedTests: 0,
    },
  );
  const { code, stdout } = await command(process.execPath, [summary, '--', unit, long]);
  expect(stdout.split('\n')).toEqual([
    'Failed: test/some.test.ts > a group one that fails',
    '    AssertionError: expected 1 to be 2',
    `        at ${projectFolder}/test/some.test.ts:7:9`,
    'Failed: test/broken.test.ts > could not be run',
    '    no such module',
    '2 passed, 2 failed, 0 skipped',
    '',
  ]);
  expect(code).toBe(1);
});

test('a test that was skipped without leave fails the CI run', async () => {
  const skipping = some(passed, { status: 'pending', fullName: 'needs a network' });
  const path = report([{ ...skipping, status: 'passed' }], { numPassedTests: 1, numFailedTests: 0 });
  const run = (...maySkip: string[]) => command(process.execPath, [summary, ...maySkip, '--', path]);
  expect(await run()).toMatchObject({
    code: 1,
    stdout: 'Skipped, though promised: needs a network\n1 passed, 0 failed, 1 skipped\n',
  });
  expect(await run('needs a')).toMatchObject({ code: 0, stdout: '1 passed, 0 failed, 1 skipped\n' });
});
