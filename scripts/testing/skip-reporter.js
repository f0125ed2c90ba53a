import { relative } from 'node:path';

/** Says at the end which tests were skipped and why: a skipped test must not go unseen. */
export default class SkipReporter {
  /** @param {readonly import('vitest/node').TestModule[]} modules */
  onTestRunEnd(modules) {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    // With a name filter (-t) everything else counts as skipped; listing that helps nobody.
    if (skipped.length === 0 || process.argv.some((arg) => /^(-t|--testNamePattern)/.test(arg))) return;
    process.stdout.write(`\nSkipped:\n`);
    for (const test of skipped) {
      const result = test.result();
      const reason =
        (result.state === 'skipped' && result.note) || 'no reason given by the test; see the output above';
      process.stdout.write(
        `  ${relative(process.cwd(), test.module.moduleId)} > ${test.fullName}: ${reason}\n`,
      );
    }
  }
}
