// Runs the container contract against every engine, prints the table and writes docs/conformance.md.
// Arguments go to Vitest; with one of them, such as -t, the document stays as it is.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setup } from './setup.js';
import { projectRoot } from './setup/context.js';
import { runScript } from './setup/errors.js';
import { writeWhole } from './setup/files.js';
import { runInForeground } from './setup/foreground.js';
import { isComplete, readConformance, toMarkdown, toText } from './testing/conformance.js';
import { testEnv } from './testing/environment.js';

const args = process.argv.slice(2);
const reportFile = join(projectRoot, 'test-output', 'report-conformance.json');
const documentFile = join(projectRoot, 'docs', 'conformance.md');

await runScript(async () => {
  const env = testEnv(process.env);
  await setup(undefined, { env });
  rmSync(reportFile, { force: true });
  process.exitCode = await runInForeground(vitestArgs(), { cwd: projectRoot, env });
  if (!existsSync(reportFile)) return;
  const conformance = readConformance(reportFile);
  process.stdout.write(`\n${toText(conformance)}\n`);
  if (args.length === 0) writeDocument(conformance);
});

function vitestArgs() {
  return [
    join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    // Not the test of the document, which this run is about to write.
    ...['process', 'container', 'sagemaker'].map((name) => `test/conformance/${name}.test.ts`),
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...args,
  ];
}

/** @param {import('./testing/conformance.js').Conformance} conformance */
function writeDocument(conformance) {
  if (!isComplete(conformance)) {
    process.stdout.write('docs/conformance.md stays as it is, for not every engine was run.\n');
    return;
  }
  const text = toMarkdown(conformance);
  if (existsSync(documentFile) && readFileSync(documentFile, 'utf8') === text) return;
  writeWhole(documentFile, text);
  process.stdout.write('wrote docs/conformance.md\n');
}
