import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../src/config.ts';
import { createConnector } from '../../src/engines/container/connect.ts';
import type { ConnectionSettings } from '../../src/engines/container/connection.ts';
import { createContainerEngine } from '../../src/engines/container/engine.ts';
import { packArchive } from '../../src/storage/archive.ts';
import type { ConformanceTarget } from './contract.ts';
import type { createLocalStorage } from './local-storage.ts';

export const frameworkImage = 'sluice/sklearn:1.2-1';

/** The container engine on the local storage of a test. */
export function createContainerTarget(
  local: ReturnType<typeof createLocalStorage>,
  settings: Partial<ConnectionSettings> = {},
): ConformanceTarget {
  const config = readConfig();
  const jobsDir = join(local.folder, 'jobs-container');
  const engine = createContainerEngine({
    ...local,
    jobsDir,
    supervisorPython: config.python!,
    frameworksDir: fileURLToPath(new URL('../../images', import.meta.url)),
    baseImage: null,
    connect: createConnector({ ...config.docker, ...settings }),
    credentials: () => Promise.resolve(null),
    packModel: (uri, pack, folder) => packArchive(local.localPath(uri), pack, folder),
  });
  return {
    ...local.storage,
    name: 'container',
    image: frameworkImage,
    engine,
    skip: [
      {
        caseId: 'in-nested-paths',
        reason: 'A mount would hide what lies below it; refused as `Unsupported`.',
      },
      {
        caseId: 'in-partial-prefix',
        reason: 'A `file://` URI names a file or a folder, not the beginning of a name.',
      },
    ],
    printed: (job) => readFile(join(jobsDir, job, 'log.txt'), 'utf8').catch(() => ''),
  };
}
