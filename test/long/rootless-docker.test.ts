import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findEngineAddresses } from '../../src/engines/container/connection.ts';
import { createContainerTarget, frameworkImage } from '../conformance/container-target.ts';
import { testConformance } from '../conformance/harness.ts';
import { createLocalStorage } from '../conformance/local-storage.ts';
import { giveWorkerSecrets } from '../conformance/worker-variables.ts';
import { unset } from '../engines/container/docker-folder.ts';
import { childCommand, shell, writeFiles } from '../engines/container/jobs.ts';
import {
  describeRootlessDocker,
  rootlessFolders,
  rootlessUser,
  startRootlessDocker,
  whyNoRootlessDocker,
} from '../support/rootless-docker.ts';

const folder = await mkdtemp('/tmp/sluice-rootless-');
const { runtimeFolder, home } = rootlessFolders(folder);
const host = `unix://${join(runtimeFolder, 'docker.sock')}`;
const local = createLocalStorage(frameworkImage);
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  if (whyNoRootlessDocker === undefined) stop = await startRootlessDocker(folder);
}, 300_000);
afterAll(async () => {
  await stop?.();
  rmSync(local.folder, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});
giveWorkerSecrets();

// Here the worker is root and the engine is not: it sees the files, and may not read those of others.
chmodSync(local.folder, 0o755);
const target = createContainerTarget(local, { host });
testConformance(target, whyNoRootlessDocker === undefined ? target : { unavailable: whyNoRootlessDocker });

describeRootlessDocker('a rootless Docker engine', () => {
  it('is found by its socket', async () => {
    const [found] = await findEngineAddresses(unset(folder, { runtimeFolder }), []);
    expect(found).toMatchObject({
      source: 'socket of rootless Docker',
      address: { kind: 'socket', path: join(runtimeFolder, 'docker.sock') },
    });
  });

  it('mounts the private files of the user whose worker it serves, who gets the outputs', async () => {
    const own = { folder: home, jobsDir: join(home, 'jobs'), name: (short: string) => `rootless-${short}` };
    mkdirSync(own.jobsDir);
    const input = writeFiles(join(home, 'input'), { 'a.csv': 'private\n' });
    const job = shell(
      'cd /opt/ml/processing; cp input/data/a.csv /proc/mounts output/out; chown 77 output/out/a.csv',
      {
        inputs: { data: input },
        outputs: { out: join(home, 'out') },
      },
    );
    execFileSync('chown', ['-R', `${rootlessUser}:${rootlessUser}`, own.jobsDir, input]);
    chmodSync(join(input, 'a.csv'), 0o600);
    const { command, args } = childCommand(own, 'private', job, '/usr/bin/python3', host);
    const user = [`--reuid=${rootlessUser}`, `--regid=${rootlessUser}`, '--clear-groups'];
    const { stdout } = await promisify(execFile)('setpriv', [...user, command, ...args]);
    expect(stdout).toContain('"status":"succeeded"');
    expect(readFileSync(join(home, 'out/a.csv'), 'utf8')).toBe('private\n');
    expect(readFileSync(join(home, 'out/mounts'), 'utf8')).toMatch(
      / \/opt\/ml\/processing\/input\/data \S+ ro[, ]/,
    );
    expect(statSync(join(home, 'out/a.csv')).uid).toBe(rootlessUser);
  });
});
