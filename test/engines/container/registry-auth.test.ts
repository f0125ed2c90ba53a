import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askCredentialHelper } from '../../../src/engines/container/credential-helper.ts';
import { dockerHub, ecrRegionOf, registryOf } from '../../../src/engines/container/image-registry.ts';
import { findRegistryCredentials } from '../../../src/engines/container/registry-auth.ts';
import { failureOf, folderPerTest } from '../../support/folders.ts';
import { processesWith } from '../../support/processes.ts';
import { writeConfig } from './docker-folder.ts';
import { writeHelper } from './credential-helpers.ts';

const folder = folderPerTest();
const path = process.env.PATH;

beforeEach(() => {
  process.env.PATH = `${folder()}${delimiter}${path}`;
});
afterEach(() => {
  process.env.PATH = path;
});

const ecrImage = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/train:1';
const find = (image: string) =>
  findRegistryCredentials(image, {
    configFolder: join(folder(), '.docker'),
    ecrLogin: (region) => Promise.resolve({ username: 'AWS', password: `token of ${region}` }),
  });
const base64 = (text: string) => Buffer.from(text).toString('base64');
const helper = (name: string, script: string) => writeHelper(folder(), name, script);

describe('the registry of an image', () => {
  it.each([
    ['ubuntu', dockerHub],
    ['ubuntu:22.04', dockerHub],
    ['library/ubuntu', dockerHub],
    ['team/image@sha256:0123', dockerHub],
    ['docker.io/ubuntu', dockerHub],
    ['index.docker.io/team/image', dockerHub],
    ['localhost/image', 'localhost'],
    ['localhost:5000/image:1', 'localhost:5000'],
    ['127.0.0.1:5000/image', '127.0.0.1:5000'],
    ['[::1]:5000/image', '[::1]:5000'],
    ['registry.example.org/team/image:1', 'registry.example.org'],
    ['Registry/image', 'registry'],
    ['public.ecr.aws/docker/library/python:3.10', 'public.ecr.aws'],
    [ecrImage, '123456789012.dkr.ecr.eu-west-1.amazonaws.com'],
  ])('%s is %s', (image, registry) => {
    expect(registryOf(image)).toBe(registry);
  });

  it.each([
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'eu-west-1'],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['public.ecr.aws', null],
    ['12345.dkr.ecr.eu-west-1.amazonaws.com', null],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.org', null],
    ['evil.org.123456789012.dkr.ecr.eu-west-1.amazonaws.com', null],
    ['123456789012.dkr.ecr.evil.org#.amazonaws.com', null],
    [dockerHub, null],
  ])('%s is in the AWS region %s', (registry, region) => {
    expect(ecrRegionOf(registry)).toBe(region);
  });
});

describe('the credentials in the configuration', () => {
  const login = { username: 'ann', password: 'pass:word', serveraddress: 'registry.example.org' };
  const image = 'registry.example.org/image';

  it.each([
    ['as Base64', { 'registry.example.org': { auth: base64('ann:pass:word') } }],
    ['as Base64 with zeros at its end', { 'registry.example.org': { auth: base64('ann:pass:word\0\0') } }],
    ['in clear', { 'registry.example.org': { username: 'ann', password: 'pass:word' } }],
    ['under an address of old', { 'https://registry.example.org/v1/': { auth: base64('ann:pass:word') } }],
    [
      'under the exact name first',
      {
        'https://registry.example.org': { auth: base64('old:old') },
        'registry.example.org': { auth: base64('ann:pass:word') },
      },
    ],
  ])('are found %s', async (_how, auths) => {
    await writeConfig(folder(), { auths });
    expect(await find(image)).toEqual(login);
  });

  it.each(['https://index.docker.io/v1/', 'docker.io', 'index.docker.io'])(
    'are those of Docker Hub under %s',
    async (key) => {
      await writeConfig(folder(), { auths: { [key]: { auth: base64('ann:x') } } });
      expect(await find('ubuntu')).toEqual({ username: 'ann', password: 'x', serveraddress: dockerHub });
    },
  );

  it('are an identity token where there is one', async () => {
    const auths = { 'registry.example.org': { auth: base64('ann:'), identitytoken: 'tok' } };
    await writeConfig(folder(), { auths });
    expect(await find(image)).toEqual({ identitytoken: 'tok', serveraddress: 'registry.example.org' });
  });

  it.each([
    ['of another port', { 'registry.example.org:5000': { auth: base64('ann:x') } }],
    ['of another registry', { 'example.org': { auth: base64('ann:x') } }],
    ['with nothing in them', { 'registry.example.org': {} }],
  ])('are none when they are %s', async (_how, auths) => {
    await writeConfig(folder(), { auths });
    expect(await find(image)).toBeNull();
  });

  it('are none without a configuration', async () => {
    expect(await find(image)).toBeNull();
  });

  it.each(['no colon', ':secret'])('are refused, not quoted, when they are no login: %s', async (text) => {
    await writeConfig(folder(), { auths: { 'registry.example.org': { auth: base64(text) } } });
    const failure = await failureOf(find(image));
    expect(failure).toMatchObject({ code: 'InvalidInput' });
    expect(failure.message).toMatch(
      /config\.json cannot be used: auth of registry\.example\.org is not Base64/,
    );
    for (const secret of [text, base64(text)]) expect(failure.message).not.toContain(secret);
  });
});

describe('a credential helper', () => {
  const image = 'registry.example.org/image';
  const answers = (name: string, secret: string) =>
    `cat > ${folder()}/asked; echo '${JSON.stringify({ ServerURL: 'x', Username: name, Secret: secret })}'`;

  it('of the registry comes before the one for all', async () => {
    await writeConfig(folder(), { credsStore: 'all', credHelpers: { 'registry.example.org': 'one' } });
    await helper('all', answers('ann', 'of all'));
    await helper('one', answers('ann', 'of one'));
    expect(await find(image)).toMatchObject({ password: 'of one' });
    expect(await find('other.example.org/image')).toMatchObject({ password: 'of all' });
  });

  it('is asked for the registry by its name, for Docker Hub by its old address', async () => {
    await writeConfig(folder(), { credsStore: 'all' });
    await helper('all', answers('ann', 'x'));
    expect(await find(image)).toEqual({
      username: 'ann',
      password: 'x',
      serveraddress: 'registry.example.org',
    });
    expect(await readFile(join(folder(), 'asked'), 'utf8')).toBe('registry.example.org');
    await find('ubuntu');
    expect(await readFile(join(folder(), 'asked'), 'utf8')).toBe('https://index.docker.io/v1/');
  });

  it('says by its user that the secret is a token', async () => {
    await writeConfig(folder(), { credsStore: 'all' });
    await helper('all', answers('<token>', 'tok'));
    expect(await find(image)).toEqual({ identitytoken: 'tok', serveraddress: 'registry.example.org' });
  });

  it('that has none means none, even if the file has some', async () => {
    await writeConfig(folder(), {
      credsStore: 'all',
      auths: { 'registry.example.org': { auth: base64('a:b') } },
    });
    await helper('all', 'echo credentials not found in native keychain; exit 1');
    expect(await find(image)).toBeNull();
    await helper('all', answers('', ''));
    expect(await find(image)).toBeNull();
  });

  it('may be taken away for one registry by an empty name', async () => {
    await writeConfig(folder(), {
      credsStore: 'all',
      credHelpers: { 'registry.example.org': '' },
      auths: { 'registry.example.org': { auth: base64('ann:b') } },
    });
    expect(await find(image)).toMatchObject({ username: 'ann', password: 'b' });
  });

  it.each([
    ['echo the key ring is locked; exit 1', 'failed: the key ring is locked'],
    ['echo >&2 no display; exit 2', 'failed: no display'],
    ['echo "{"', 'gave an answer that is not that of a credential helper'],
    ['echo []', 'gave an answer that is not that of a credential helper'],
  ])('that fails is told with its own words and what to do: %s', async (script, why) => {
    await writeConfig(folder(), { credsStore: 'all' });
    await helper('all', script);
    const failure = await failureOf(find(image));
    expect(failure).toMatchObject({ code: 'AccessDenied', retryable: false });
    expect(failure.message).toContain(
      `docker-credential-all, asked for the credentials of registry.example.org, ${why}`,
    );
    expect(failure.message).toContain('docker login registry.example.org');
  });

  it('whose answer is damaged is not quoted', async () => {
    await writeConfig(folder(), { credsStore: 'all' });
    await helper('all', `echo '{"Username": "ann", "Secret": "hunter2"'`);
    const failure = await failureOf(find(image));
    expect(failure).toMatchObject({ code: 'AccessDenied' });
    expect(`${failure.message}${JSON.stringify(failure)}`).not.toContain('hunter2');
  });

  it.each([
    ['absent', 'is not on the PATH of the worker'],
    ['../absent', 'has a name that no program has'],
  ])('that is not there is told: %s', async (name, why) => {
    await writeConfig(folder(), { credsStore: name });
    expect(await failureOf(find(image))).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining(why),
    });
  });

  it('that waits for ever is ended, with a child of its own holding its output', async () => {
    await helper('slow', `sleep 3600.125 & exec sleep 3600.125`);
    expect(await failureOf(askCredentialHelper('slow', 'registry.example.org', 0.5))).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining('gave no answer within 0.5 s'),
    });
    for (const { pid } of await processesWith('sleep 3600.125')) process.kill(pid, 'SIGKILL');
  });
});

describe('a private registry of Amazon ECR', () => {
  const serveraddress = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';

  it('gets a token for its region', async () => {
    expect(await find(ecrImage)).toEqual({ username: 'AWS', password: 'token of eu-west-1', serveraddress });
  });

  it('gets none when the configuration has credentials', async () => {
    await writeConfig(folder(), { auths: { [serveraddress]: { auth: base64('AWS:own') } } });
    expect(await find(ecrImage)).toEqual({ username: 'AWS', password: 'own', serveraddress });
  });

  it('gets one when the helper for all has nothing', async () => {
    await writeConfig(folder(), { credsStore: 'all' });
    await helper('all', 'echo credentials not found in native keychain; exit 1');
    expect(await find(ecrImage)).toMatchObject({ password: 'token of eu-west-1' });
  });

  it('is not the public one', async () => {
    expect(await find('public.ecr.aws/docker/library/python:3.10')).toBeNull();
  });
});
