// Writes schemas/*.json, generated from the zod schemas of src/core.
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setup } from './setup.js';
import { runScript } from './setup/errors.js';
import { writeWhole } from './setup/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));

await runScript(async () => {
  await setup(['dependencies', 'build']);
  const built = pathToFileURL(join(root, 'dist', 'core', 'json-schema.js')).href;
  const { pipelineJsonSchema, runInputJsonSchema } = await import(built);
  for (const [name, schema] of [
    ['pipeline', pipelineJsonSchema()],
    ['run-input', runInputJsonSchema()],
  ]) {
    const path = join('schemas', `${name}.schema.json`);
    writeWhole(join(root, path), `${JSON.stringify(schema, null, 2)}\n`);
    console.log(`wrote ${path}`);
  }
});
