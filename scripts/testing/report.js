import { readFileSync } from 'node:fs';

/** What Vitest's JSON report says. `passed`, `failed` and `skipped` count tests.
 * @typedef {{ passed: number, failed: number, skipped: number, skippedTitles: string[] }} Counts */

/** @typedef {{ status: string, fullName: string }} Assertion */
/** @typedef {{ name: string, status: string, message?: string, assertionResults: Assertion[] }} FileResult */

/** A file that could not even be loaded counts as one failed test. @param {string} path @returns {Counts} */
export function readReport(path) {
  /** @type {{ numPassedTests: number, numFailedTests: number, testResults: FileResult[] }} */
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const isBroken = (/** @type {FileResult} */ file) =>
    file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed');
  const isSkipped = (/** @type {Assertion} */ { status }) => status !== 'passed' && status !== 'failed';
  const skipped = report.testResults.flatMap(({ assertionResults }) => assertionResults.filter(isSkipped));
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.testResults.filter(isBroken).length,
    skipped: skipped.length,
    skippedTitles: skipped.map(({ fullName }) => fullName),
  };
}

/** @param {{ passed: number, failed: number, skipped: number }} counts */
export const countsLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;
