import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createContainerTarget, frameworkImage } from '../conformance/container-target.ts';
import { testConformance } from '../conformance/harness.ts';
import { createLocalStorage } from '../conformance/local-storage.ts';
import { giveWorkerSecrets } from '../conformance/worker-variables.ts';
import { giveBaseImage, whyNoDocker } from '../support/docker.ts';
import { startPodman, whyNoPodman, type Podman } from '../support/podman.ts';

/** The same table by Podman's socket. */
const whyNot = whyNoPodman ?? whyNoDocker;
const folder = await mkdtemp(join(tmpdir(), 'sluice-podman-'));
const local = createLocalStorage(frameworkImage);
let podman: Podman | undefined;

beforeAll(async () => {
  if (whyNot !== undefined) return;
  podman = await startPodman(folder);
  await giveBaseImage(folder, ['podman', '--remote', '--url', `unix://${podman.socket}`]);
}, 300_000);
afterAll(async () => {
  await podman?.close();
  rmSync(local.folder, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});
giveWorkerSecrets();

const target = createContainerTarget(local, { host: `unix://${join(folder, 'podman', 'podman.sock')}` });
testConformance(target, whyNot === undefined ? target : { unavailable: whyNot });
