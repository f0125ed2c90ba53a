import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { projectRoot } from '../setup/context.js';

/** What Vitest's JSON report says. `passed`, `failed` and `skipped` count tests.
 * @typedef {{ passed: number, failed: number, skipped: number, skippedTitles: string[], failures: Failure[] }} Counts */

/** `file` is relative to the project; `message` begins with what was expected. @typedef {{ file: string, title: string, message: string }} Failure */
/** @typedef {{ status: string, fullName: string, failureMessages?: string[] | null }} Assertion */
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
    failures: report.testResults.flatMap((file) =>
      isBroken(file) ? [failure(file, 'could not be run', file.message)] : failedTests(file),
    ),
  };
}

/** @param {FileResult} file */
const failedTests = (file) =>
  file.assertionResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => failure(file, fullName, failureMessages?.join('\n')));

/** @param {FileResult} file @param {string} title @param {string | undefined} message @returns {Failure} */
const failure = ({ name }, title, message) => ({
  file: relative(projectRoot, name),
  title,
  message: message || 'no message',
});

const colour = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** A few lines for the end of a log that may be cut at its beginning. @param {Failure} failure */
export const failureLines = ({ file, title, message }) => {
  const isOurs = (/** @type {string} */ line) =>
    line.trim() !== '' &&
    (!/^\s+at /.test(line) || (line.includes(projectRoot) && !line.includes('node_modules')));
  const lines = message.replace(colour, '').split('\n').filter(isOurs);
  return [`Failed: ${file} > ${title}`, ...lines.slice(0, 6).map((line) => `    ${line.slice(0, 300)}`)];
};

/** @param {{ passed: number, failed: number, skipped: number }} counts */
export const countsLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;
