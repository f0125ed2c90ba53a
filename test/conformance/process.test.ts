import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createProcessEngine } from '../../src/engines/process/engine.ts';
import { probeIsolation, type Isolation } from '../../src/engines/process/isolation.ts';
import { cases } from './cases.ts';
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
  ...['network-isolation-processing', 'network-isolation-training'].map((caseId) => ({
    caseId,
    reason: 'A job has the network of this machine; isolation is refused as `Unsupported`.',
  })),
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

it('refuses before anything runs, as Unsupported, what it says so of', async () => {
  const refused = cases.filter(({ id }) =>
    target.skip.some(({ caseId, reason }) => caseId === id && reason.includes('`Unsupported`')),
  );
  expect(refused.length).toBeGreaterThan(instanceCases.length);
  for (const one of refused) {
    const lab = createLab(plain, one.id);
    const request = await one.job(lab);
    const code = { code: 'Unsupported' };
    expect(() => plain.engine.check(request), one.id).toThrow(expect.objectContaining(code));
    const { signal } = new AbortController();
    await expect(plain.engine.ensure(lab.jobName, request, signal), one.id).rejects.toMatchObject(code);
  }
});
