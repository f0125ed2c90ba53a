// Writes schemas/*.json, generated from the zod schemas of src/core. With --check it only compares, and fails when one is stale.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setup } from './setup.js';
import { runScript } from './setup/errors.js';
import { writeWhole } from './setup/files.js';

const check = process.argv.includes('--check');
const root = fileURLToPath(new URL('..', import.meta.url));

await runScript(async () => {
  // The tests come after the set-up and must not build while others use what is built.
  if (process.env.SLUICE_SKIP_SETUP !== '1') await setup(['dependencies', 'build']);
  const built = pathToFileURL(join(root, 'dist', 'core', 'json-schema.js')).href;
  const { pipelineJsonSchema, runInputJsonSchema } = await import(built);
  for (const [name, schema] of [
    ['pipeline', pipelineJsonSchema()],
    ['run-input', runInputJsonSchema()],
  ]) {
    const path = join('schemas', `${name}.schema.json`);
    const file = join(root, path);
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    if (check) {
      console.error(`${path} is stale: run "npm run schemas"`);
      process.exitCode = 1;
    } else {
      writeWhole(file, text);
      console.log(`wrote ${path}`);
    }
  }
});
