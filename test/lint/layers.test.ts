import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const eslint = new ESLint({ cwd: root });

/**
 * Lints a text by the project's own configuration, as if it stood in the given file: nothing is written. The types of
 * later texts see it there, so it stands in files that no other text here imports.
 */
async function rulesBrokenBy(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: `${root}src/${file}` });
  return [...new Set(result!.messages.map(({ ruleId, message }) => ruleId ?? message))];
}

const importing = (name: string, from: string) => `import { ${name} } from '${from}';\n\nvoid ${name};\n`;
const imports = '@typescript-eslint/no-restricted-imports';

/** What stands in the way of each file: [what it does, the file, its text, the rule]. */
const refused: [string, string, string, string][] = [
  [
    'a workflow that reaches an engine on a way round',
    'workflows/index.ts',
    importing('createProcessEngine', './../engines/process/engine.ts'),
    imports,
  ],
  [
    'a workflow that reaches an engine through another folder',
    'workflows/index.ts',
    importing('createProcessEngine', '../core/../engines/process/engine.ts'),
    imports,
  ],
  [
    'a workflow that imports Node at run time',
    'workflows/index.ts',
    "export const files = () => import('node:fs');\n",
    'no-restricted-syntax',
  ],
  [
    'a workflow that reaches the network by the global object',
    'workflows/index.ts',
    "export const load = () => globalThis.fetch('http://localhost');\n",
    'no-restricted-globals',
  ],
  ['a workflow that imports Node', 'workflows/index.ts', importing('readFileSync', 'node:fs'), imports],
  [
    'a workflow that imports Node without its prefix',
    'workflows/index.ts',
    importing('readFileSync', 'fs'),
    imports,
  ],
  [
    'a workflow that imports the AWS SDK',
    'workflows/index.ts',
    importing('SageMakerClient', '@aws-sdk/client-sagemaker'),
    imports,
  ],
  [
    'a workflow that imports only a type of the AWS SDK',
    'workflows/index.ts',
    "import type { SageMakerClient } from '@aws-sdk/client-sagemaker';\n\nexport type Client = SageMakerClient;\n",
    imports,
  ],
  [
    'a workflow that imports the client of Temporal',
    'workflows/index.ts',
    importing('Client', '@temporalio/client'),
    imports,
  ],
  [
    'a workflow that imports an engine',
    'workflows/index.ts',
    importing('createProcessEngine', '../engines/process/engine.ts'),
    imports,
  ],
  [
    'a workflow that imports the storage',
    'workflows/index.ts',
    importing('createFileStorage', '../storage/file-storage.ts'),
    imports,
  ],
  [
    'a workflow that imports the settings',
    'workflows/index.ts',
    importing('readConfig', '../config.ts'),
    imports,
  ],
  [
    'a workflow that imports the value of an activity',
    'workflows/index.ts',
    importing('createActivities', '../activities/index.ts'),
    imports,
  ],
  [
    'a workflow that passes an activity on',
    'workflows/index.ts',
    "export { createActivities } from '../activities/index.ts';\n",
    imports,
  ],
  [
    'a workflow that reads the environment',
    'workflows/index.ts',
    'export const home = process.env.HOME;\n',
    'no-restricted-globals',
  ],
  [
    'a workflow that fetches',
    'workflows/index.ts',
    "export const answer = () => fetch('https://example.org');\n",
    'no-restricted-globals',
  ],
  [
    'a workflow that does not await a promise',
    'workflows/index.ts',
    "import { sleep } from '@temporalio/workflow';\n\nexport function wait(): void {\n  sleep(1);\n}\n",
    '@typescript-eslint/no-floating-promises',
  ],
  ['a core that imports Node', 'core/gate.ts', importing('createHash', 'node:crypto'), imports],
  ['a core that imports Temporal', 'core/gate.ts', importing('sleep', '@temporalio/workflow'), imports],
  [
    'a core that imports a workflow',
    'core/gate.ts',
    importing('trainingPipeline', '../workflows/index.ts'),
    imports,
  ],
  [
    'a core that asks for the time',
    'core/gate.ts',
    'export const now = () => Date.now();\n',
    'no-restricted-properties',
  ],
  [
    'a core that throws dice',
    'core/gate.ts',
    'export const dice = () => Math.random();\n',
    'no-restricted-properties',
  ],
  [
    'a core that reads the environment',
    'core/gate.ts',
    'export const env = process.env;\n',
    'no-restricted-globals',
  ],
  [
    'an activity that imports the value of an engine',
    'activities/heartbeats.ts',
    importing('createProcessEngine', '../engines/process/engine.ts'),
    imports,
  ],
  [
    'an activity that imports a workflow',
    'activities/heartbeats.ts',
    importing('trainingPipeline', '../workflows/index.ts'),
    imports,
  ],
  [
    'an engine that imports Temporal',
    'engines/opt-ml.ts',
    importing('Context', '@temporalio/activity'),
    imports,
  ],
  [
    'an engine that imports an activity',
    'engines/process/engine.ts',
    importing('createActivities', '../../activities/index.ts'),
    imports,
  ],
  [
    'an engine that imports what asks AWS',
    'engines/opt-ml.ts',
    importing('loginToEcr', '../aws/ecr.ts'),
    imports,
  ],
  [
    'an engine that loads the AWS SDK when it runs',
    'engines/opt-ml.ts',
    "export const load = () => import('@aws-sdk/client-ecr');\n",
    'no-restricted-syntax',
  ],
  [
    'a command that imports the AWS SDK',
    'cli/output.ts',
    importing('ECRClient', '@aws-sdk/client-ecr'),
    'no-restricted-syntax',
  ],
  [
    'a workflow that imports what asks AWS',
    'workflows/index.ts',
    importing('loginToEcr', '../aws/ecr.ts'),
    imports,
  ],
  [
    'a client of AWS that loads another client',
    'aws/sts.ts',
    "export const load = () => import('@aws-sdk/client-sagemaker');\n",
    'no-restricted-syntax',
  ],
  ['a client of AWS that imports Node', 'aws/ecr.ts', importing('readFileSync', 'node:fs'), imports],
  [
    'a client of AWS that imports an engine',
    'aws/ecr.ts',
    importing('createProcessEngine', '../engines/process/engine.ts'),
    imports,
  ],
  [
    'a storage that imports the registry',
    'storage/storage.ts',
    importing('createFileRegistry', '../registry/file-registry.ts'),
    imports,
  ],
  [
    'an activity that imports the emulator',
    'activities/heartbeats.ts',
    importing('startEmulator', '../emulator/start.ts'),
    imports,
  ],
  [
    'a worker that imports the emulator',
    'worker.ts',
    importing('startEmulator', './emulator/start.ts'),
    imports,
  ],
  [
    'an engine that imports the emulator',
    'engines/opt-ml.ts',
    importing('startEmulator', '../emulator/start.ts'),
    imports,
  ],
  [
    'an emulator that imports the value of an engine',
    'emulator/pattern.ts',
    importing('createProcessEngine', '../engines/process/engine.ts'),
    imports,
  ],
  [
    'an emulator that imports a client of AWS',
    'emulator/pattern.ts',
    importing('createSageMakerApi', '../aws/sagemaker.ts'),
    imports,
  ],
  ['a default export', 'storage/storage.ts', 'export default 1;\n', 'no-restricted-syntax'],
];

const legal: [string, string, string][] = [
  [
    'a workflow that imports the types of the activities',
    'workflows/index.ts',
    "import { proxyActivities } from '@temporalio/workflow';\n" +
      "import type { createActivities } from '../activities/index.ts';\n" +
      "import { errorCodes } from '../core/errors.ts';\n\n" +
      "export const { train } = proxyActivities<ReturnType<typeof createActivities>>({ startToCloseTimeout: '1m' });\n" +
      'export const codes = errorCodes;\n',
  ],
  [
    'a core that imports zod',
    'core/gate.ts',
    "import { z } from 'zod';\n\nexport const name = z.string();\n",
  ],
  [
    'an activity that imports Node and the type of an engine',
    'activities/heartbeats.ts',
    "import { tmpdir } from 'node:os';\nimport type { Engine } from '../engines/engine.ts';\n\n" +
      'export const describe = (engine: Engine) => `${engine.name} in ${tmpdir()}`;\n',
  ],
  [
    'an engine that imports the type of what asks AWS',
    'engines/opt-ml.ts',
    "import type { SageMakerApi } from '../aws/sagemaker.ts';\n\nexport const lists = (api: SageMakerApi) => api.call('ListTags', {});\n",
  ],
  [
    'a client of AWS that loads its own part of the SDK',
    'aws/sts.ts',
    "export const load = () => import('@aws-sdk/client-sts');\n",
  ],
];

describe('the layers', () => {
  it.each(refused)('refuse %s', async (_what, file, code, rule) => {
    expect(await rulesBrokenBy(file, code)).toContain(rule);
  });

  it.each(legal)('let pass %s', async (_what, file, code) => {
    expect(await rulesBrokenBy(file, code)).toEqual([]);
  });
});
