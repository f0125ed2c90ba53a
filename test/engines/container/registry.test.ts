import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { loginToEcr } from '../../../src/aws/ecr.ts';
import { createConnector } from '../../../src/engines/container/connect.ts';
import { createImages } from '../../../src/engines/container/images.ts';
import {
  findRegistryCredentials,
  type RegistryCredentials,
} from '../../../src/engines/container/registry-auth.ts';
import { command } from '../../support/commands.ts';
import { describeDockerAnd, dockerSocket } from '../../support/docker.ts';
import { startFakeEcr } from '../../support/fake-ecr.ts';
import { failureOf } from '../../support/folders.ts';

import { writeHelper } from './credential-helpers.ts';
import { unset, writeConfig } from './docker-folder.ts';
import { startRegistry, type Registry } from './registry-server.ts';
import { ask, type Answer } from './requests.ts';

const describeRegistry = describeDockerAnd('docker-registry', 'htpasswd');
const users = { ann: 'pass:wörd', AWS: 'token-1' };
let folder: string;
let registry: Registry;
let repository: string;
let image: string;

/** An image in a registry that wants to know who asks, and not in the engine. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-registry-'));
  registry = await startRegistry(folder, users);
  repository = `${registry.host}/sluice-test/tiny`;
  image = `${repository}:1`;
  await mkdir(join(folder, 'image'));
  await writeFile(join(folder, 'image', 'hello.txt'), `hello of ${registry.host}`);
  await command('tar', ['-C', join(folder, 'image'), '-cf', join(folder, 'image.tar'), '.']);
  const imported = await ask(
    {
      socketPath: dockerSocket,
      method: 'POST',
      path: `/images/create?fromSrc=-&repo=${repository}&tag=1`,
      headers: { 'content-type': 'application/x-tar' },
    },
    await readFile(join(folder, 'image.tar')),
  );
  expect(imported).toMatchObject({ status: 200 });
  const ann = { username: 'ann', password: users.ann, serveraddress: registry.host };
  const pushed = await post(`/images/${repository}/push?tag=1`, ann);
  expect(pushed.body).not.toContain('errorDetail');
  await forget();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await forget();
});
afterAll(async () => {
  await registry.close();
  await rm(folder, { recursive: true });
});

function post(path: string, credentials: RegistryCredentials | null): Promise<Answer> {
  const auth = credentials === null ? '' : Buffer.from(JSON.stringify(credentials)).toString('base64');
  return ask({
    socketPath: dockerSocket,
    method: 'POST',
    path,
    headers: { 'x-registry-auth': auth.replaceAll('+', '-').replaceAll('/', '_') },
  });
}

const forget = () => ask({ socketPath: dockerSocket, method: 'DELETE', path: `/images/${image}` });
const pull = (credentials: RegistryCredentials | null) =>
  post(`/images/create?fromImage=${repository}&tag=1`, credentials);
const isHere = async () =>
  (await ask({ socketPath: dockerSocket, path: `/images/${image}/json` })).status === 200;
/** A framework image whose base is that of the registry. */
async function build(credentials: RegistryCredentials | null) {
  const { client } = await createConnector(unset(folder, { host: `unix://${dockerSocket}` }))();
  const frameworksDir = await mkdtemp(join(folder, 'frameworks-'));
  await mkdir(join(frameworksDir, 'tiny'));
  await mkdir(join(frameworksDir, 'script-mode'));
  const dockerfile = `ARG BASE_IMAGE=${image}\nFROM \${BASE_IMAGE}\nUSER 7\n`;
  await writeFile(join(frameworksDir, 'tiny', 'Dockerfile'), dockerfile);
  const asked: string[] = [];
  const images = createImages({
    client,
    frameworksDir,
    baseImage: null,
    credentials: (name) => {
      asked.push(name);
      return Promise.resolve(credentials);
    },
  });
  const signal = new AbortController().signal;
  const made = images.ensure('sluice/tiny:1', 'missing', () => undefined, signal);
  return { made, asked, remove: async () => client.removeImage((await made).reference) };
}

const find = (name: string) =>
  findRegistryCredentials(name, { configFolder: join(folder, '.docker'), ecrLogin: loginToEcr });
const base64 = (text: string) => Buffer.from(text).toString('base64');

describeRegistry('an image of a registry that wants a password', () => {
  it('is the base of a framework image with the credentials for it', async () => {
    const ann = { username: 'ann', password: users.ann, serveraddress: registry.host };
    const { made, asked, remove } = await build(ann);
    expect(await made).toMatchObject({ user: '7' });
    expect(asked).toEqual([image]);
    expect(await remove()).toBe(true);
  });

  it('is refused as the base of a framework image without them, and it is told so', async () => {
    const { made } = await build(null);
    const failure = await failureOf(made);
    expect(failure).toMatchObject({ code: 'AccessDenied', retryable: false });
    expect(failure.message).toContain('cannot be built from');
  });

  it('is pulled with the credentials of the configuration', async () => {
    await writeConfig(folder, { auths: { [registry.host]: { auth: base64(`ann:${users.ann}`) } } });
    expect((await pull(await find(image))).body).toContain('Downloaded newer image');
    expect(await isHere()).toBe(true);
  });

  it('is pulled with those of a credential helper', async () => {
    await writeConfig(folder, { credHelpers: { [registry.host]: 'test' } });
    const answer = JSON.stringify({ ServerURL: registry.host, Username: 'ann', Secret: users.ann });
    await writeHelper(folder, 'test', `[ "$(cat)" = ${registry.host} ] && echo '${answer}'`);
    vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
    expect((await pull(await find(image))).body).toContain('Downloaded newer image');
    expect(await isHere()).toBe(true);
  });

  it('is pulled with a token of Amazon ECR', async () => {
    await writeConfig(folder, {});
    const ecr = await startFakeEcr(users.AWS);
    try {
      vi.stubEnv('AWS_ENDPOINT_URL_ECR', ecr.url);
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAGOOD');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'any');
      for (const name of ['AWS_SESSION_TOKEN', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
      const credentials = await find('123456789012.dkr.ecr.eu-west-1.amazonaws.com/sluice-test/tiny:1');
      expect(credentials).toMatchObject({ serveraddress: '123456789012.dkr.ecr.eu-west-1.amazonaws.com' });
      expect((await pull(credentials)).body).toContain('Downloaded newer image');
      expect(await isHere()).toBe(true);
    } finally {
      await ecr.close();
    }
  });

  it('is not pulled with another password, and the engine says by its status who refuses', async () => {
    await writeConfig(folder, { auths: { [registry.host]: { auth: base64('ann:wrong') } } });
    const credentials = await find(image);
    expect(await pull(credentials)).toMatchObject({ status: 500 });
    // The same question without the download; only here a refusal has a status of its own.
    const auth = { 'x-registry-auth': base64(JSON.stringify(credentials)) };
    const asked = (name: string) =>
      ask({ socketPath: dockerSocket, path: `/distribution/${name}/json`, headers: auth });
    expect(await asked(image)).toMatchObject({ status: 401 });
    expect(await asked('127.0.0.1:1/tiny:1')).toMatchObject({ status: 500 });
    expect(await isHere()).toBe(false);
  });

  it('is not pulled without a password', async () => {
    await writeConfig(folder, {});
    expect(await find(image)).toBeNull();
    expect(await pull(null)).toMatchObject({ status: 500 });
    expect(await isHere()).toBe(false);
  });
});
