import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { createImages, type Images } from '../../../src/engines/container/images.ts';
import type { RegistryCredentials } from '../../../src/engines/container/registry-auth.ts';
import { describeDockerAnd, dockerApi, dockerDo, dockerSocket } from '../../support/docker.ts';
import { connectCounted, removeImage, tarOf } from './jobs.ts';
import { startRegistry, type Registry } from './registry-server.ts';
import { ask } from './requests.ts';

interface EngineImage {
  Id: string;
  RepoTags: string[] | null;
  RepoDigests: string[] | null;
}

const describeRegistry = describeDockerAnd('docker-registry', 'htpasswd');
const never = new AbortController().signal;
const untold = () => undefined;
const isThere = async (image: string) => (await dockerApi('GET', `/images/${image}/json`)).status === 200;

describeRegistry('an image of a registry', () => {
  let folder: string;
  let registry: Registry;
  let ann: RegistryCredentials;
  const image = (tag: string) => `${registry.host}/sluice-test/pulled:${tag}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-test-registry-'));
    registry = await startRegistry(folder, { ann: 'secret' });
    ann = { username: 'ann', password: 'secret', serveraddress: registry.host };
    await push('1');
  }, 60_000);
  afterAll(async () => {
    // By their ids: some have no name left.
    const found = await dockerDo('GET', '/images/json?all=1');
    for (const { Id, RepoDigests, RepoTags } of found.json() as EngineImage[]) {
      const names = [...(RepoDigests ?? []), ...(RepoTags ?? [])];
      if (names.some((name) => name.startsWith(`${registry.host}/`))) await removeImage(Id);
    }
    await registry.close();
    await rm(folder, { recursive: true });
  });

  /** The registry has it afterwards, the engine has not. */
  async function push(tag: string): Promise<void> {
    const tar = await tarOf({ [randomBytes(4).toString('hex')]: '' });
    const repository = `${registry.host}/sluice-test/pulled`;
    await dockerDo('POST', `/images/create?fromSrc=-&repo=${repository}&tag=${tag}`, tar);
    const auth = Buffer.from(JSON.stringify(ann)).toString('base64url');
    const path = `/images/${repository}/push?tag=${tag}`;
    const pushed = await ask({
      socketPath: dockerSocket,
      method: 'POST',
      path,
      headers: { 'x-registry-auth': auth },
    });
    expect(pushed.body).not.toContain('errorDetail');
    await removeImage(image(tag));
  }

  const imagesWith = async (credentials: RegistryCredentials | null = ann) => {
    const { client, counts } = await connectCounted();
    const options = {
      frameworksDir: '/none',
      baseImage: null,
      credentials: () => Promise.resolve(credentials),
    };
    return { images: createImages({ client, ...options }), counts, client, options };
  };

  it('is pulled when it is missing, and says so meanwhile', async () => {
    const { images, counts } = await imagesWith();
    const phases: string[] = [];
    const asked = () => images.ensure(image('1'), 'missing', (phase) => phases.push(phase), never);
    expect(await Promise.all([asked(), asked()])).toMatchObject([{ reference: image('1') }, { user: '' }]);
    expect(counts.pulls).toBe(1);
    expect(phases[0]).toBe(`pulling ${image('1')}`);
    expect(phases.join('\n')).toMatch(/Pull complete|Download complete|Extracting/);
    await asked();
    expect(counts.pulls).toBe(1);
  });

  it('is never pulled when the job says never', async () => {
    await removeImage(image('1'));
    const { images, counts } = await imagesWith();
    await expect(images.ensure(image('1'), 'never', untold, never)).rejects.toMatchObject({
      code: 'ImageNotFound',
      message: expect.stringContaining('pullPolicy is "never"') as string,
    });
    await images.ensure(image('1'), 'missing', untold, never);
    await images.ensure(image('1'), 'never', untold, never);
    expect(counts.pulls).toBe(1);
  });

  it('is always pulled when the job says always, and then is the newer one', async () => {
    const { images, client, counts } = await imagesWith();
    await push('2');
    await images.ensure(image('2'), 'always', untold, never);
    const before = await client.findImage(image('2'));
    await dockerDo('POST', `/images/${image('2')}/tag?repo=${registry.host}/sluice-test/kept&tag=1`);
    await push('2');
    await dockerDo(
      'POST',
      `/images/${registry.host}/sluice-test/kept:1/tag?repo=${registry.host}/sluice-test/pulled&tag=2`,
    );
    await images.ensure(image('2'), 'missing', untold, never);
    expect(await client.findImage(image('2'))).toEqual(before);
    await images.ensure(image('2'), 'always', untold, never);
    expect((await client.findImage(image('2')))?.id).not.toBe(before?.id);
    expect(counts.pulls).toBe(2);
    await removeImage(`${registry.host}/sluice-test/kept:1`);
  });

  it('that the registry has not is not found, at once', async () => {
    const { images, counts } = await imagesWith();
    for (const name of [image('nope'), `${registry.host}/sluice-test/nothing`]) {
      await expect(images.ensure(name, 'missing', untold, never)).rejects.toMatchObject({
        code: 'ImageNotFound',
        retryable: false,
        message: expect.stringContaining(name) as string,
      });
    }
    expect(counts.pulls).toBe(2);
  });

  it('of a name that cannot be is not found either', async () => {
    const { images } = await imagesWith();
    for (const name of ['Not A Name', 'UPPER/case', 'a:b:c', `${registry.host}/x@sha256:12`])
      await expect(images.ensure(name, 'missing', untold, never), name).rejects.toMatchObject({
        code: 'ImageNotFound',
      });
  });

  it('is denied to wrong credentials and to none', async () => {
    for (const credentials of [{ ...ann, password: 'wrong' }, null]) {
      const { images, counts } = await imagesWith(credentials);
      await removeImage(image('1'));
      await expect(images.ensure(image('1'), 'missing', untold, never)).rejects.toMatchObject({
        code: 'AccessDenied',
        retryable: false,
      });
      expect(counts.pulls).toBe(1);
    }
  });

  it('of a registry that is down is asked for again, and given up in a while', async () => {
    const { images, counts } = await imagesWith();
    const phases: string[] = [];
    const down = images.ensure('127.0.0.1:1/nothing:1', 'missing', (phase) => phases.push(phase), never);
    await expect(down).rejects.toMatchObject({ code: 'ImageNotFound' });
    expect(counts.pulls).toBe(3);
    expect(phases.filter((phase) => phase.includes('trying again'))).toHaveLength(2);
  });

  it('goes on being pulled for others when one gives up, who is told at once', async () => {
    await removeImage(image('1'));
    const { client, options } = await imagesWith();
    let go: () => void = untold;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const pull: ContainerClient['pull'] = async (...args) => gate.then(() => client.pull(...args));
    const images: Images = createImages({ client: { ...client, pull }, ...options });
    const gone = new AbortController();
    const first = images.ensure(image('1'), 'missing', untold, gone.signal);
    const second = images.ensure(image('1'), 'missing', untold, never);
    setTimeout(() => gone.abort(new Error('given up')), 50);
    await expect(first).rejects.toThrow('given up');
    expect(await isThere(image('1'))).toBe(false);
    go();
    expect(await second).toMatchObject({ reference: image('1') });
  });
});
