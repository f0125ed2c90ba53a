import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createProcessEngine } from '../../src/engines/process/engine.ts';
import { probeIsolation, type Isolation } from '../../src/engines/process/isolation.ts';
import { instanceCases } from './cases/instances.ts';
import type { ConformanceTarget } from './contract.ts';
import { testConformance } from './harness.ts';
import { createLab } from './lab.ts';
import { createLocalStorage } from './local-storage.ts';
import { giveWorkerSecrets } from './worker-variables.ts';

const image = 'sluice/sklearn:1.2-1';
const python = readConfig().python!;
const namespaces = await probeIsolation(python);
const local = createLocalStorage(image);
afterAll(() => rmSync(local.folder, { recursive: true, force: true }));
giveWorkerSecrets();

const oneInstance = 'A job is one process of this machine; more instances are refused as `Unsupported`.';
const always = [
  ...instanceCases.map(({ id }) => ({ caseId: id, reason: oneInstance })),
  { caseId: 'layout-host-resolves', reason: 'A job has the host names of this machine.' },
  {
    caseId: 'env-arguments-alone',
    reason: 'Without an image there is no entrypoint; refused as `Unsupported`.',
  },
  {
    caseId: 'in-nested-paths',
    reason: 'A mount would hide what lies below it; refused as `Unsupported`.',
  },
  {
    caseId: 'in-partial-prefix',
    reason: 'A `file://` URI names a file or a folder, not the beginning of a name.',
  },
];
const withoutNamespaces = [
  ...always,
  {
    caseId: 'layout-absolute-paths',
    reason: 'Without a mount namespace SAGEMAKER_BASE_DIR names the folder.',
  },
  { caseId: 'in-source-unchanged', reason: 'Without a mount namespace inputs are links.' },
];

function createTarget(
  name: 'process' | 'process, without namespaces',
  isolation: Isolation,
): ConformanceTarget {
  const jobsDir = join(local.folder, `jobs-${isolation}`);
  const engine = createProcessEngine({
    ...local,
    jobsDir,
    python,
    frameworksDir: fileURLToPath(new URL('../../images', import.meta.url)),
    isolation,
  });
  const skip = isolation === 'namespaces' ? always : withoutNamespaces;
  const printed = (job: string) => readFile(join(jobsDir, job, 'log.txt'), 'utf8').catch(() => '');
  return { ...local.storage, name, engine, image, skip, printed };
}

const target = createTarget('process', 'namespaces');
testConformance(
  target,
  namespaces.available ? target : { unavailable: `No namespaces on this machine: ${namespaces.reason}` },
);
const plain = createTarget('process, without namespaces', 'none');
testConformance(plain, plain);

it('refuses two instances before anything runs, as Unsupported', async () => {
  for (const one of instanceCases) {
    const lab = createLab(plain, one.id);
    const request = await one.job(lab);
    expect(() => plain.engine.check(request)).toThrow(expect.objectContaining({ code: 'Unsupported' }));
    await expect(
      plain.engine.ensure(lab.jobName, request, new AbortController().signal),
    ).rejects.toMatchObject({ code: 'Unsupported' });
  }
});
