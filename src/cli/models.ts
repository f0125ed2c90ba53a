import { readConfig } from '../config.ts';
import type { ModelPackage } from '../core/registry.ts';
import { createFileRegistry } from '../registry/file-registry.ts';
import { usageError } from './errors.ts';
import { alignColumns, print, printJson } from './output.ts';

const readAll = () => createFileRegistry(readConfig().registryFolder).list();

/** Every registered version. */
export async function listModels(options: { json?: true }): Promise<number> {
  const all = await readAll();
  if (options.json) printJson(all);
  else if (all.length === 0) print('No model is registered yet');
  else {
    const head = ['PIPELINE', 'GROUP', 'VERSION', 'APPROVAL', 'METRIC', 'CREATED'];
    print(alignColumns([head, ...all.map(rowOf)]).join('\n'));
  }
  return 0;
}

function rowOf({ pipeline, group, version, approvalStatus, metric, createdAt }: ModelPackage): string[] {
  return [pipeline, group, `${version}`, approvalStatus, `${metric.name} = ${metric.value}`, createdAt];
}

/** The whole record of one version: `group` for the latest, or `group/version`. */
export async function showModel(name: string, options: { pipeline?: string }): Promise<number> {
  const [group = '', version] = name.split('/');
  const inGroup = (await readAll()).filter(
    (found) =>
      found.group === group && (options.pipeline === undefined || found.pipeline === options.pipeline),
  );
  const pipelines = new Set(inGroup.map(({ pipeline }) => pipeline));
  if (pipelines.size > 1) {
    throw usageError(
      `The pipelines ${[...pipelines].join(', ')} have a group ${group}; say which with --pipeline`,
    );
  }
  const found =
    version === undefined ? inGroup.at(-1) : inGroup.find((model) => `${model.version}` === version);
  if (found === undefined)
    throw usageError(`There is no model package ${name}; \`sluice models list\` shows what there is`);
  printJson(found);
  return 0;
}
