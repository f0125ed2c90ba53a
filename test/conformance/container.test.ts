import { rmSync } from 'node:fs';
import { afterAll } from 'vitest';
import { whyNoDocker } from '../support/docker.ts';
import { createContainerTarget, frameworkImage } from './container-target.ts';
import { testConformance } from './harness.ts';
import { createLocalStorage } from './local-storage.ts';
import { giveWorkerSecrets } from './worker-variables.ts';

const local = createLocalStorage(frameworkImage);
afterAll(() => rmSync(local.folder, { recursive: true, force: true }));
giveWorkerSecrets();

const target = createContainerTarget(local);
testConformance(target, whyNoDocker === undefined ? target : { unavailable: whyNoDocker });
