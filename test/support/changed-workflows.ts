import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { projectFolder } from '../../src/config.ts';

/** The workflow code as it is, with changes of `test/workflows/changes/`. */
export function bundleChanged(...changes: string[]): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: join(projectFolder, 'src/workflows/index.ts'),
    workflowInterceptorModules: changes.map((name) =>
      join(projectFolder, 'test/workflows/changes', `${name}.ts`),
    ),
    logger: new DefaultLogger('ERROR'),
  });
}

/** Makes a folder a release of Sluice, the build as it is but for these workflows. @returns the program to start. */
export async function makeRelease(folder: string, { code }: WorkflowBundleWithSourceMap): Promise<string> {
  const dist = join(folder, 'dist');
  await cp(join(projectFolder, 'dist'), dist, { recursive: true });
  await writeFile(join(dist, 'workflow-bundle.js'), code);
  await mkdir(join(folder, '.sluice'));
  for (const name of ['package.json', 'node_modules', 'images', join('.sluice', 'toolchain.json')])
    await symlink(join(projectFolder, name), join(folder, name));
  return join(dist, 'cli.js');
}
