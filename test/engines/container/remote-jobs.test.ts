import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { ConnectionSettings } from '../../../src/engines/container/connection.ts';
import { processesWith } from '../../support/processes.ts';
import { describeDockerAnd, held, letGo } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { createBench, jobName, ourContainers, shell, writeFiles } from './fixtures.ts';
import { startSshServer, type SshServer } from './ssh-server.ts';
import { startTlsEngine, type TlsEngine } from './tls-engine.ts';

const describeRemote = describeDockerAnd('sshd', 'ssh', 'docker', 'openssl');
let folder: string;
let ssh: SshServer;
let tls: TlsEngine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-remote-'));
  ssh = await startSshServer(folder);
  tls = await startTlsEngine(folder);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await ssh.close();
  await tls.close();
  await rm(folder, { recursive: true });
});

/** Everything that a job has: an input, an output, a log, a supervisor that is killed, an end; then a stop. */
async function expectWholeJob(what: string, host: string, connection: Partial<ConnectionSettings>) {
  const bench = createBench({ host, connection });
  const out = join(bench.folder, 'out');
  const input = writeFiles(join(bench.folder, 'input'), { 'data.csv': '1,2,3\n' });
  const name = jobName(`${what}-whole`);
  const script = `echo ready; cp /opt/ml/processing/input/data/data.csv /opt/ml/processing/output/out/; ${held}; echo over`;
  await bench.start(name, shell(script, { inputs: { data: input }, outputs: { out } }));
  await bench.says(name, 'ready');
  await bench.killSupervisor(name);
  await letGo(name);
  expect(await bench.ended(name)).toMatchObject({ status: 'succeeded' });
  expect(readFileSync(join(out, 'data.csv'), 'utf8')).toBe('1,2,3\n');
  expect(bench.log(name)).toBe('ready\nover\n');

  const stopped = jobName(`${what}-stopped`);
  await bench.start(stopped, shell('echo ready; sleep 300', { local: { stopGraceSeconds: 0.2 } }));
  await bench.says(stopped, 'ready');
  await bench.stop(stopped);
  expect(await bench.ended(stopped)).toMatchObject({ status: 'stopped' });
  expect(await ourContainers()).toEqual([]);
}

describeRemote('a job on an engine', () => {
  it('that is reached by ssh has all that others have; its ssh has the agent of the worker', async () => {
    // An `ssh` that finds its agent, and nothing without.
    const bin = join(folder, 'agent-bin');
    mkdirSync(bin);
    const script = `#!/bin/sh\n[ "$SSH_AUTH_SOCK" = ${folder}/agent ] || exit 255\nexec ${join(ssh.bin, 'ssh')} "$@"\n`;
    writeFileSync(join(bin, 'ssh'), script);
    chmodSync(join(bin, 'ssh'), 0o755);
    const sshEnvironment = {
      PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
      SSH_AUTH_SOCK: join(folder, 'agent'),
    };
    for (const [variable, value] of Object.entries(sshEnvironment)) vi.stubEnv(variable, value);
    await expectWholeJob('ssh', `ssh://${ssh.user}@127.0.0.1:${ssh.port}`, { sshEnvironment });
    vi.unstubAllEnvs();
    // The supervisor's end with it.
    await until(async () => (await processesWith(`-F ${folder}/ssh_config`)).length <= 1);
  });

  it('behind TLS has all that others have', async () => {
    const certFolder = join(folder, 'certs');
    mkdirSync(certFolder);
    const files = { 'ca.pem': 'ca.pem', 'cert.pem': 'client-cert.pem', 'key.pem': 'client-key.pem' };
    for (const [to, from] of Object.entries(files)) copyFileSync(join(folder, from), join(certFolder, to));
    await expectWholeJob('tls', tls.host, { tlsVerify: true, certFolder });
  });
});
