// For .ci/run: adds up the reports. Arguments: titles that may be skipped (regular expressions), "--", report files.
import { countsLine, failureLines, readReport } from './report.js';

const separator = process.argv.indexOf('--');
const maySkip = process.argv.slice(2, separator).map((pattern) => new RegExp(pattern));
const total = { passed: 0, failed: 0, skipped: 0 };
let isGood = true;
/** @type {import('./report.js').Failure[]} */
const allFailures = [];

for (const path of process.argv.slice(separator + 1)) {
  try {
    const { skippedTitles, failures, ...counts } = readReport(path);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    allFailures.push(...failures);
    const broken = skippedTitles.filter((title) => !maySkip.some((pattern) => pattern.test(title)));
    if (broken.length > 0) isGood = false;
    for (const title of broken) process.stdout.write(`Skipped, though promised: ${title}\n`);
  } catch (error) {
    process.stdout.write(`No report of the tests in ${path}, counted as one failure: ${error}\n`);
    total.failed += 1;
  }
}

// Last, so that they stand in what is left of a log of which the beginning was cut.
for (const line of allFailures.flatMap(failureLines)) process.stdout.write(`${line}\n`);
process.stdout.write(`${countsLine(total)}\n`);
process.exitCode = isGood && total.failed === 0 ? 0 : 1;
