import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import type { SluiceError } from '../../src/core/errors.ts';
import { hashFiles } from '../../src/storage/content.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import type { S3Storage } from '../../src/storage/storage.ts';
import { folderPerTest } from '../support/folders.ts';
import { startS3Proxy, type Fault, type S3Proxy, type SeenRequest } from '../support/s3-proxy.ts';
import { describeS3, s3PerFile, whyNoS3 } from '../support/s3-server.ts';

const folder = folderPerTest();
const { server, bucket } = s3PerFile();
const mebibyte = 1024 ** 2;
const small = randomBytes(100_000);
/** Two parts and a half, or slices. */
const large = randomBytes(20 * mebibyte);
const direct = createS3();
const local = (...names: string[]) => join(folder(), ...names);
const uri = (key: string) => `s3://${bucket()}/${key}`;

let proxy: S3Proxy;
beforeAll(async () => {
  if (whyNoS3 !== undefined) return;
  // Its endpoint is asked for once.
  await direct.head({ bucket: 'none', key: 'x' });
  proxy = await startS3Proxy(server().port);
  process.env.AWS_ENDPOINT_URL_S3 = proxy.endpoint;
});
afterAll(() => proxy?.stop());

let storage: S3Storage;
/** Silence is noticed soon where there is some; anywhere else a machine may be slow. */
function openStorage(fault: string, maxAttempts: number): void {
  const idleMs = fault === 'silence' ? 2000 : undefined;
  storage = createS3Storage(createS3({ maxAttempts, idleMs }), uri('sluice'));
}
beforeEach(async () => {
  if (whyNoS3 !== undefined) return;
  await mkdir(local('source/deep'), { recursive: true });
  await writeFile(local('small'), small);
  await writeFile(local('large'), large);
  await writeFile(local('source/deep/large'), large);
  for (const name of ['a', 'b', 'c']) await writeFile(local('source', name), `${name}\n`);
});

const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const there = (key: string) => join(server().folder, bucket(), key);

/** What storage does, what must be there before, and how to see that it was done rightly and wholly. */
const works = {
  'put small': {
    work: () => storage.put(local('small'), uri('new')),
    check: async () => expect(sum(await readFile(there('new')))).toBe(sum(small)),
  },
  'put large': {
    work: () => storage.put(local('large'), uri('new')),
    check: async () => expect(sum(await readFile(there('new')))).toBe(sum(large)),
  },
  'put folder': {
    work: () => storage.put(local('source'), uri('new')),
    check: async () => expect(await hashFiles(there('new'))).toEqual(await hashFiles(local('source'))),
  },
  'download small': {
    work: () => storage.download(uri('small'), local('new')),
    check: async () => expect(sum(await readFile(local('new')))).toBe(sum(small)),
  },
  'download large': {
    work: () => storage.download(uri('large'), local('new')),
    check: async () => expect(sum(await readFile(local('new')))).toBe(sum(large)),
  },
  'download folder': {
    work: () => storage.download(uri('source'), local('new')),
    check: async () => expect(await hashFiles(local('new'))).toEqual(await hashFiles(local('source'))),
  },
  'copy as a stream': {
    work: async () => storage.write(uri('new'), (await storage.read(uri('large'))) as AsyncIterable<Buffer>),
    check: async () => expect(sum(await readFile(there('new')))).toBe(sum(large)),
  },
  hash: {
    work: async () => expect(await storage.hash(uri('source'))).toEqual(await hashFiles(local('source'))),
    check: () => Promise.resolve(),
  },
  fingerprint: {
    work: async () => expect((await storage.fingerprint(uri('source'))).bytes).toBe(large.length + 6),
    check: () => Promise.resolve(),
  },
};
type Work = keyof typeof works;

/** Without the proxy. */
async function prepare(work: Work): Promise<void> {
  if (work.startsWith('put')) return;
  const plain = createS3Storage(direct, uri('sluice'));
  for (const name of ['small', 'large', 'source']) await plain.put(local(name), uri(name));
}

/** Nothing but what was there: neither half a file nor what a file was made of, neither objects nor parts of one. */
async function expectNothing(work: Work): Promise<void> {
  expect((await readdir(folder())).sort()).toEqual(['large', 'small', 'source']);
  const objects = (await readdir(there('.'))).filter((name) => !name.startsWith('.'));
  expect(objects.sort()).toEqual(work.startsWith('put') ? [] : ['large', 'small', 'source']);
  const parts = await readdir(there('.sgwtmp/multipart'), { recursive: true }).catch(() => []);
  expect(parts.filter((name) => /\/[^/]+\/\d+$/.test(name))).toEqual([]);
}

const slowDown: Fault = { kind: 'refused', status: 503, code: 'SlowDown' };
const broken: Fault = { kind: 'refused', status: 500, code: 'InternalError' };
const flipped = (what: 'answer' | 'request'): Fault => ({ kind: 'flipped', what, at: 1000 });
const cut: Fault = { kind: 'cut', afterBytes: 50_000 };
const lost: Fault = { kind: 'lost' };
const silent: Fault = { kind: 'silent' };
const once =
  (operation: string, fault: Fault, number = 1) =>
  (seen: SeenRequest) =>
    seen.operation === operation && seen.number === number ? fault : null;
const always = (operation: string, fault: Fault) => (seen: SeenRequest) =>
  seen.operation === operation ? fault : null;

type Case = [work: Work, operation: string, fault: string, rule: (seen: SeenRequest) => Fault | null];

const overcome: Case[] = [
  ...(['put small', 'put folder'] as const).flatMap((work): Case[] => [
    [work, 'PutObject', 'SlowDown', once('PutObject', slowDown)],
    [work, 'PutObject', 'an answer that is lost', once('PutObject', lost)],
  ]),
  ...(['put large', 'copy as a stream'] as const).flatMap((work): Case[] => [
    [work, 'CreateMultipartUpload', 'SlowDown', once('CreateMultipartUpload', slowDown)],
    [work, 'CreateMultipartUpload', 'an answer that is lost', once('CreateMultipartUpload', lost)],
    [work, 'UploadPart', 'SlowDown', once('UploadPart', slowDown, 2)],
    [work, 'UploadPart', 'an answer that is lost', once('UploadPart', lost, 2)],
    [work, 'CompleteMultipartUpload', 'an error', once('CompleteMultipartUpload', broken)],
    [work, 'CompleteMultipartUpload', 'an answer that is lost', once('CompleteMultipartUpload', lost)],
  ]),
  ...(['download small', 'download large', 'download folder', 'copy as a stream', 'hash'] as const).flatMap(
    (work): Case[] => [
      [work, 'GetObject', 'SlowDown', once('GetObject', slowDown)],
      [work, 'GetObject', 'a body that is cut', (seen) => (isLarge(work, seen) ? cut : null)],
      [work, 'GetObject', 'an answer that is lost', once('GetObject', lost)],
    ],
  ),
  ['put small', 'PutObject', 'silence', once('PutObject', silent)],
  ['put large', 'UploadPart', 'silence', once('UploadPart', silent, 3)],
  ['download large', 'GetObject', 'silence', once('GetObject', silent)],
  ['download small', 'HeadObject', 'SlowDown', once('HeadObject', slowDown)],
  ['download folder', 'ListObjectsV2', 'an error', once('ListObjectsV2', broken)],
  ['fingerprint', 'ListObjectsV2', 'SlowDown', once('ListObjectsV2', slowDown)],
  ['fingerprint', 'ListObjectsV2', 'an answer that is lost', once('ListObjectsV2', lost)],
];

/** Its first request for a body that is long enough. */
function isLarge(work: Work, { operation, number, key }: SeenRequest): boolean {
  if (operation !== 'GetObject') return false;
  return work === 'download small' ? number === 1 : key.endsWith('large') && number <= 4;
}

const fatal: [...Case, code: string][] = [
  ['put small', 'PutObject', 'SlowDown', always('PutObject', slowDown), 'Throttled'],
  ['put small', 'PutObject', 'another byte', always('PutObject', flipped('request')), 'StorageError'],
  ['put large', 'UploadPart', 'SlowDown', always('UploadPart', slowDown), 'Throttled'],
  ['put large', 'UploadPart', 'another byte', once('UploadPart', flipped('request'), 2), 'StorageError'],
  [
    'put large',
    'CompleteMultipartUpload',
    'errors',
    always('CompleteMultipartUpload', broken),
    'ServiceUnavailable',
  ],
  ['copy as a stream', 'UploadPart', 'errors', always('UploadPart', broken), 'ServiceUnavailable'],
  ['copy as a stream', 'GetObject', 'SlowDown', always('GetObject', slowDown), 'Throttled'],
  ['copy as a stream', 'GetObject', 'another byte', once('GetObject', flipped('answer')), 'StorageError'],
  ['download small', 'GetObject', 'SlowDown', always('GetObject', slowDown), 'Throttled'],
  ['download small', 'GetObject', 'another byte', once('GetObject', flipped('answer')), 'StorageError'],
  ['download large', 'GetObject', 'another byte', once('GetObject', flipped('answer'), 2), 'StorageError'],
  ['download large', 'GetObject', 'silence', always('GetObject', silent), 'ServiceUnavailable'],
  ['download folder', 'GetObject', 'another byte in a large one', flipLarge, 'StorageError'],
  ['download folder', 'ListObjectsV2', 'errors', always('ListObjectsV2', broken), 'ServiceUnavailable'],
  ['download folder', 'GetObject', 'errors', always('GetObject', broken), 'ServiceUnavailable'],
  ['hash', 'GetObject', 'another byte', flipLarge, 'StorageError'],
];

function flipLarge({ operation, key }: SeenRequest): Fault | null {
  return operation === 'GetObject' && key.endsWith('large') ? flipped('answer') : null;
}

describeS3('S3 that fails once', () => {
  it.each(overcome)(
    'does not keep storage from its work: %s, %s meets %s',
    async (work, _operation, fault, rule) => {
      await prepare(work);
      openStorage(fault, 5);
      proxy.meet(rule);
      await works[work].work();
      expect(proxy.met().faults).toBeGreaterThan(0);
      await works[work].check();
    },
  );
});

describeS3('S3 that keeps failing, or gives other bytes,', () => {
  it.each(fatal)(
    'is an error that may pass, and leaves nothing: %s, %s meets %s',
    async (work, _operation, fault, rule, code) => {
      await prepare(work);
      openStorage(fault, 2);
      proxy.meet(rule);
      const error = await works[work].work().then(
        () => null,
        (cause: SluiceError) => cause,
      );
      expect(proxy.met().faults).toBeGreaterThan(0);
      expect(error).toMatchObject({ code, retryable: true, message: expect.stringContaining('s3://') });
      proxy.meet(() => null);
      await expectNothing(work);
      openStorage('none', 2);
      // And the next try is as if nothing had been.
      await works[work].work();
      await works[work].check();
    },
  );
});

describeS3('an object that changes while it is read', () => {
  const write = (key: string) => direct.put({ bucket: bucket(), key }, randomBytes(20 * mebibyte), {});
  it.each([
    ['download large', 'large', 2],
    ['copy as a stream', 'large', 1],
    ['download folder', 'source/deep/large', 1],
    ['download folder', 'source/b', 1],
  ] as const)(
    'is an error that may pass, and leaves nothing: %s, %s at its request %i',
    async (work, key, number) => {
      await prepare(work);
      openStorage('none', 2);
      let requests = 0;
      proxy.meet((seen) => {
        if (seen.operation !== 'GetObject' || seen.key !== key) return null;
        requests += 1;
        return requests === number ? { kind: 'preceded', by: () => write(key) } : null;
      });
      const error = await works[work].work().then(
        () => null,
        (cause: SluiceError) => cause,
      );
      expect(proxy.met().faults).toBe(1);
      expect(error).toMatchObject({
        code: 'StorageError',
        retryable: true,
        message: expect.stringContaining(`${uri(key)} has changed while it was read`),
      });
      await expectNothing(work);
    },
  );

  it('is of one version though the connection breaks in between', async () => {
    await prepare('copy as a stream');
    openStorage('none', 2);
    let gets = 0;
    proxy.meet(({ operation }) => {
      if (operation !== 'GetObject') return null;
      gets += 1;
      return gets === 1
        ? { kind: 'cut', afterBytes: mebibyte }
        : { kind: 'preceded', by: () => write('large') };
    });
    await expect(works['copy as a stream'].work()).rejects.toMatchObject({ code: 'StorageError' });
    expect(gets).toBe(2);
    await expectNothing('copy as a stream');
  });
});
