import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkLocalFiles } from '../activities/pipeline-files.ts';
import { readConfig } from '../config.ts';
import { findInRoots } from '../storage/root-paths.ts';
import { createLocalInputs } from './local-inputs.ts';
import { print } from './output.ts';
import { readPipeline } from './pipeline-file.ts';

/** The checks that need no server: the file, its parameters, and that what it names is there. */
export async function validateCommand(
  path: string,
  options: { param?: string[]; scheduledTime?: string },
): Promise<number> {
  const config = readConfig();
  const roots = [config.root, config.storageFolder];
  // What `run` would upload needs only be there.
  const inputs = createLocalInputs(config, async (data) => {
    roots.push(dirname(await realpath(data)));
    return pathToFileURL(data).href;
  });
  const { pipeline, parameters } = await readPipeline(path, options, inputs);
  await checkLocalFiles((what, location) => findInRoots(what, location, config.root, roots), pipeline);
  const values = Object.entries(parameters).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const steps = Object.keys(pipeline.steps);
  print(
    `${path} is valid: pipeline ${pipeline.name}, ${steps.length} steps (${steps.join(', ')}), ` +
      `parameters ${values.join(' ') || 'none'}`,
  );
  return 0;
}
