import { randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createImages, frameworkTag } from '../../../src/engines/container/images.ts';
import { createUnusedImages } from '../../../src/engines/container/unused-images.ts';
import { describeDocker, dockerApi, dockerDo } from '../../support/docker.ts';
import { connectCounted, makeFolder, plainImage, projectRoot, removeImage, writeFiles } from './jobs.ts';

const never = new AbortController().signal;
const untold = () => undefined;

describe('the tag of a framework image', () => {
  const made = { 'tiny/Dockerfile': 'FROM x', 'tiny/lib/a.py': 'a = 1', 'script-mode/train': 'train' };
  const folder = writeFiles(makeFolder(), made);
  const tag = (base: string | null = null) => frameworkTag('sluice/tiny:1', folder, base);

  it('is the same for the same content, wherever the folder lies', async () => {
    const other = writeFiles(makeFolder(), { ...made, 'other/Dockerfile': 'FROM y' });
    expect(await tag()).toMatch(/^sluice\/tiny:1-[0-9a-f]{12}$/);
    expect(await frameworkTag('sluice/tiny:1', other, null)).toBe(await tag());
  });

  it('changes with the base, a file, its name and whether it can be executed', async () => {
    const tags = [await tag(), await tag('base:1'), await tag('base:2')];
    writeFiles(folder, { 'tiny/lib/a.py': 'a = 2' });
    tags.push(await tag());
    chmodSync(join(folder, 'tiny/lib/a.py'), 0o755);
    tags.push(await tag());
    writeFiles(folder, { 'tiny/lib/b.py': '' });
    tags.push(await tag());
    writeFiles(folder, { 'script-mode/train': 'what all frameworks share' });
    tags.push(await tag());
    expect(new Set(tags).size).toBe(7);
  });

  it('is not moved by what is in a name or in a file', async () => {
    const one = writeFiles(makeFolder(), { 'x/a': 'b\0x/c\0-\0d', 'script-mode/train': '' });
    const two = writeFiles(makeFolder(), { 'x/a': 'b', 'x/c': 'd', 'script-mode/train': '' });
    const tags = await Promise.all([one, two].map((dir) => frameworkTag('sluice/x:1', dir, null)));
    expect(tags[0]).not.toBe(tags[1]);
  });
});

const isThere = async (image: string) => (await dockerApi('GET', `/images/${image}/json`)).status === 200;

describeDocker('a framework image', () => {
  const built = new Set<string>();
  afterAll(() => Promise.all([...built].map(removeImage)));

  const frameworks = (dockerfile: string, files: Record<string, string> = {}) => {
    const content = {
      Dockerfile: `ARG BASE_IMAGE=${plainImage}\nFROM \${BASE_IMAGE}\n${dockerfile}`,
      ...files,
    };
    const own = Object.entries(content).map(([name, text]) => [`tiny/${name}`, text]);
    return writeFiles(makeFolder(), { 'script-mode/train': 'train', ...Object.fromEntries(own) });
  };
  async function imagesOf(frameworksDir: string, baseImage: string | null = null) {
    const { client, counts } = await connectCounted();
    const images = createImages({
      client,
      frameworksDir,
      baseImage,
      credentials: () => Promise.resolve(null),
    });
    const ensure = async (tell: (phase: string) => void = untold, signal = never) => {
      const image = await images.ensure('sluice/tiny:1', 'missing', tell, signal);
      built.add(image.reference);
      return image;
    };
    return { ensure, counts };
  }
  const random = () => randomBytes(8).toString('hex');

  it('is built once for all who ask at the same time, each of whom hears how it goes, and never again', async () => {
    const frameworksDir = frameworks('COPY tiny/run script-mode/train /run-me/\nUSER 77', { run: random() });
    const { ensure, counts } = await imagesOf(frameworksDir);
    const heard: string[][] = [[], []];
    const [one, two] = await Promise.all(heard.map((phases) => ensure((phase) => phases.push(phase))));
    expect(one).toEqual(two);
    expect(one!.user).toBe('77');
    expect(one!.reference).toBe(await frameworkTag('sluice/tiny:1', frameworksDir, null));
    for (const phases of heard) expect(phases.join('\n')).toContain(`building ${one!.reference}: Step`);
    expect(await ensure()).toEqual(one);
    expect(counts.builds).toBe(1);
    // Another worker finds it, too.
    const other = await imagesOf(frameworksDir);
    expect(await other.ensure()).toEqual(one);
    expect(other.counts.builds).toBe(0);
  });

  it('is built anew from another content or base', async () => {
    const frameworksDir = frameworks('COPY tiny/run script-mode/train /run-me/', { run: random() });
    const { ensure, counts } = await imagesOf(frameworksDir);
    const first = await ensure();
    writeFileSync(join(frameworksDir, 'tiny/run'), random());
    const second = await ensure();
    expect(second.reference).not.toBe(first.reference);
    expect(counts.builds).toBe(2);
    const based = await imagesOf(frameworksDir, first.reference);
    expect((await based.ensure()).reference).not.toBe(second.reference);
  });

  it('that cannot be built says how far it came and why', async () => {
    const { ensure } = await imagesOf(frameworks('RUN echo on the way; echo the reason >&2; exit 3'));
    const failure = await ensure().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ImageNotFound', retryable: false });
    expect((failure as Error).message).toMatch(/cannot be built from .*\/tiny:\n/);
    for (const line of ['on the way', 'the reason', 'returned a non-zero code: 3'])
      expect((failure as Error).message).toContain(line);
  });

  it('with a Dockerfile that cannot be read, or a base that is nowhere, is not there', async () => {
    const wrong = await imagesOf(frameworks('NOPE'));
    await expect(wrong.ensure()).rejects.toMatchObject({ code: 'ImageNotFound' });
    const nowhere = await imagesOf(frameworks('USER 1'), '127.0.0.1:1/nothing:1');
    await expect(nowhere.ensure()).rejects.toMatchObject({ code: 'ImageNotFound' });
  });

  it('goes on being built when one of those who wait gives up', async () => {
    const { ensure, counts } = await imagesOf(frameworks(`RUN sleep 1 # ${random()}`));
    const gone = new AbortController();
    const [first, second] = [ensure(untold, gone.signal), ensure()];
    let isBuilt = false;
    void second.then(() => (isBuilt = true));
    setTimeout(() => gone.abort(new Error('given up')), 200);
    await expect(first).rejects.toThrow('given up');
    expect(isBuilt).toBe(false);
    expect(await isThere((await second).reference)).toBe(true);
    expect(counts.builds).toBe(1);
  });

  it('is listed as of no use when its folder has another content, and removed unless a container needs it', async () => {
    const frameworksDir = frameworks('COPY tiny/run script-mode/train /run-me/', { run: random() });
    const old = (await (await imagesOf(frameworksDir)).ensure()).reference;
    writeFileSync(join(frameworksDir, 'tiny/run'), random());
    const present = (await (await imagesOf(frameworksDir)).ensure()).reference;
    const { client } = await connectCounted();
    const unused = createUnusedImages(() => Promise.resolve(client), { frameworksDir, baseImage: null });
    const soon = new Date(Date.now() + 60_000);
    expect(await unused.list(soon)).toContain(old);
    expect(await unused.list(soon)).not.toContain(present);
    expect(await unused.list(new Date(Date.now() - 3_600_000))).not.toContain(old);
    const name = `sluice-test-needs-${random()}`;
    await dockerDo('POST', `/containers/create?name=${name}`, { Image: old, Cmd: ['true'] });
    try {
      expect(await unused.remove(old)).toBe(false);
    } finally {
      await dockerDo('DELETE', `/containers/${name}?force=1`);
    }
    expect(await unused.remove(old)).toBe(true);
    expect(await isThere(old)).toBe(false);
  });

  it('is the one of this checkout', async () => {
    const { client, counts } = await connectCounted();
    const options = { client, baseImage: null, credentials: () => Promise.resolve(null) };
    const images = createImages({ ...options, frameworksDir: join(projectRoot, 'images') });
    const { reference } = await images.ensure('sluice/sklearn:1.2-1', 'missing', untold, never);
    await images.ensure('sluice/sklearn:1.2-1', 'always', untold, never);
    expect(await isThere(reference)).toBe(true);
    expect(counts.pulls).toBe(0);
  });
});
