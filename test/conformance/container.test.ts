import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createConnector } from '../../src/engines/container/connect.ts';
import { createContainerEngine } from '../../src/engines/container/engine.ts';
import { packArchive } from '../../src/storage/archive.ts';
import { whyNoDocker } from '../support/docker.ts';
import type { ConformanceTarget } from './contract.ts';
import { testConformance } from './harness.ts';
import { createLocalStorage } from './local-storage.ts';
import { giveWorkerSecrets } from './worker-variables.ts';

const image = 'sluice/sklearn:1.2-1';
const config = readConfig();
const local = createLocalStorage(image);
afterAll(() => rmSync(local.folder, { recursive: true, force: true }));
giveWorkerSecrets();

const jobsDir = join(local.folder, 'jobs-container');
const target: ConformanceTarget = {
  ...local.storage,
  name: 'container',
  image,
  engine: createContainerEngine({
    ...local,
    jobsDir,
    supervisorPython: config.python!,
    frameworksDir: fileURLToPath(new URL('../../images', import.meta.url)),
    baseImage: null,
    connect: createConnector(config.docker),
    credentials: () => Promise.resolve(null),
    packModel: (uri, pack, folder) => packArchive(local.localPath(uri), pack, folder),
  }),
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
testConformance(target, whyNoDocker === undefined ? target : { unavailable: whyNoDocker });
