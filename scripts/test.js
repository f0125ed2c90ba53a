import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setup } from './setup.js';
import { projectRoot } from './setup/context.js';
import { runScript } from './setup/errors.js';
import { runInForeground } from './setup/foreground.js';
import { testEnv } from './testing/environment.js';
import { countsLine, readReport } from './testing/report.js';

const long = process.argv.includes('--long');
const reportFile = join(projectRoot, 'test-output', `report-${long ? 'long' : 'unit'}.json`);

await runScript(async () => {
  const env = testEnv(process.env, long ? 'long' : 'short');
  await setup(undefined, { env });
  rmSync(reportFile, { force: true });
  process.exitCode = await runInForeground(vitestArgs(), { cwd: projectRoot, env });
  if (existsSync(reportFile)) process.stdout.write(`\n${countsLine(readReport(reportFile))}\n`);
});

function vitestArgs() {
  const reporters = ['default', 'json', join(projectRoot, 'scripts', 'testing', 'skip-reporter.js')];
  return [
    join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...reporters.map((reporter) => `--reporter=${reporter}`),
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2).filter((arg) => arg !== '--long'),
  ];
}
