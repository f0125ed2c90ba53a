import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTlsFiles, type EngineAddress } from '../../../src/engines/container/address.ts';
import { findEngineAddresses, type ConnectionSettings } from '../../../src/engines/container/connection.ts';
import { command } from '../../support/commands.ts';
import { failureOf } from '../../support/folders.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { describeDockerAnd } from '../../support/docker.ts';
import { unset } from './docker-folder.ts';
import { ask } from './requests.ts';
import { startTlsEngine, type TlsEngine } from './tls-engine.ts';

const describeTls = describeDockerAnd('openssl', 'docker');
let folder: string;
let engine: TlsEngine;
let host: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-tls-'));
  engine = await startTlsEngine(folder);
  host = engine.host;
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true });
});

async function certFolder(name: string, files: Record<string, string>): Promise<string> {
  const made = join(folder, name);
  await mkdir(made);
  for (const [to, from] of Object.entries(files)) await copyFile(join(folder, from), join(made, to));
  return made;
}

const both = { 'cert.pem': 'client-cert.pem', 'key.pem': 'client-key.pem' };

async function find(settings: Partial<ConnectionSettings>): Promise<EngineAddress> {
  return (await findEngineAddresses(unset(folder, settings)))[0]!.address;
}

async function askEngine(address: EngineAddress, path: string) {
  if (address.kind !== 'tcp' || address.tls === null) throw new Error(`${address.kind} without TLS`);
  const { host, port, tls } = address;
  return ask({ secure: true, host, port, path, ...(await readTlsFiles(tls)) });
}

describeTls('an engine behind TLS', () => {
  it('answers at DOCKER_HOST with the certificates of DOCKER_CERT_PATH', async () => {
    const certs = await certFolder('all', { 'ca.pem': 'ca.pem', ...both });
    const address = await find({ host, certFolder: certs, tlsVerify: true });
    expect(await askEngine(address, '/_ping')).toEqual({ status: 200, body: 'OK' });
    expect(JSON.parse((await askEngine(address, '/version')).body)).toHaveProperty('ApiVersion');
  });

  it('answers by a context that the Docker CLI made and chose', async () => {
    const certs = await certFolder('for-context', { 'ca.pem': 'ca.pem', ...both });
    const files = ['ca', 'cert', 'key'].map((name) => `${name}=${join(certs, `${name}.pem`)}`);
    const docker = (...args: string[]) =>
      command('docker', ['context', ...args], {
        DOCKER_CONFIG: join(folder, '.docker'),
        DOCKER_HOST: undefined,
        DOCKER_CONTEXT: undefined,
      });
    const made = await docker('create', 'farm', '--docker', [`host=${host}`, ...files].join(','));
    expect(made).toMatchObject({ code: 0 });
    expect(await askEngine(await find({ context: 'farm' }), '/_ping')).toEqual({ status: 200, body: 'OK' });
    expect(await docker('use', 'farm')).toMatchObject({ code: 0 });
    expect(await askEngine(await find({}), '/_ping')).toEqual({ status: 200, body: 'OK' });
  });

  it('answers unverified by DOCKER_TLS', async () => {
    const address = await find({ host, certFolder: await certFolder('unverified', both), tls: true });
    expect(await askEngine(address, '/_ping')).toEqual({ status: 200, body: 'OK' });
  });

  it('does not answer without a certificate of the client', async () => {
    const certs = await certFolder('no-client', { 'ca.pem': 'ca.pem' });
    const address = await find({ host, certFolder: certs, tlsVerify: true });
    expect((await failureOf(askEngine(address, '/_ping'))).code).toMatch(/^(ERR_SSL|ECONNRESET|EPIPE)/);
  });

  it('is not believed under another authority', async () => {
    await mkdir(join(folder, 'other'));
    await makeCertificates(join(folder, 'other'));
    const certs = await certFolder('wrong-ca', { 'ca.pem': 'other/ca.pem', ...both });
    const address = await find({ host, certFolder: certs, tlsVerify: true });
    expect((await failureOf(askEngine(address, '/_ping'))).code).toMatch(
      /UNABLE_TO_VERIFY|SIGNATURE|SELF_SIGNED/,
    );
  });

  it('has files that are told by their name when they are gone', async () => {
    const certs = await certFolder('gone', { 'ca.pem': 'ca.pem', ...both });
    const address = await find({ host, certFolder: certs, tlsVerify: true });
    await rm(join(certs, 'key.pem'));
    expect(await failureOf(askEngine(address, '/_ping'))).toMatchObject({
      code: 'InvalidInput',
      message: `The TLS file ${join(certs, 'key.pem')} cannot be read (ENOENT)`,
    });
  });
});
