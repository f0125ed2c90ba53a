import type { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { SluiceError } from '../core/errors.ts';
import { statusOf, toSluiceError } from './errors.ts';
import { listening, type CallListener } from './listening.ts';
import type { S3Address, S3Api, S3Part, WriteOptions, Written } from './s3-api.ts';

export interface S3Settings {
  /** Default: that of the AWS configuration. */
  region?: string | undefined;
  /** Of one request. Default 8: about a minute of a service that refuses. */
  maxAttempts?: number | undefined;
  /** After which a connection that carries nothing is given up. Default 60,000. */
  idleMs?: number | undefined;
  onCall?: CallListener | undefined;
}

const executableMark = 'sluice-executable';
const abortMs = 15_000;

/**
 * The SDK finds credentials, profile and endpoint (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile) by itself; with an
 * endpoint, buckets are part of the path. It is loaded at the first call.
 */
export function createS3(settings: S3Settings = {}): S3Api {
  let loaded: Promise<Loaded> | undefined;
  const send: Send = async (what, call, signal) => {
    loaded ??= load(settings);
    try {
      return await call(await loaded, { ...(signal && { abortSignal: signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw toSluiceError(error, what);
    }
  };
  return { ...reads(send), ...lists(send), ...writes(send), ...multipart(send) };
}

interface Loaded {
  sdk: typeof Sdk;
  client: Sdk.S3Client;
  /** Not if the user has told the SDK to leave them out (`AWS_REQUEST_CHECKSUM_CALCULATION`), for servers that know none. */
  withChecksums: boolean;
}
type Send = <Answer>(
  what: string,
  call: (loaded: Loaded, options: { abortSignal?: AbortSignal }) => Promise<Answer>,
  signal?: AbortSignal,
) => Promise<Answer>;

async function load({ region, maxAttempts = 8, idleMs = 60_000, onCall }: S3Settings): Promise<Loaded> {
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    ...(region !== undefined && { region }),
    maxAttempts,
    retryMode: 'standard',
    followRegionRedirects: true,
    // A connection of its own for each part would be the price.
    expectContinueHeader: false,
    // Some servers send the checksum of the whole with a part of it.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5000, socketTimeout: idleMs, throwOnRequestTimeout: true },
  });
  usePaths(client);
  const calculation = await client.config.requestChecksumCalculation();
  return { sdk, client: listening(client, onCall), withChecksums: calculation === 'WHEN_SUPPORTED' };
}

/** Of an endpoint of one's own a bucket is a path, not a host; the SDK knows the endpoint when it makes a request. */
export function usePaths({ config }: Sdk.S3Client): void {
  const provide = config.endpointProvider;
  config.endpointProvider = (params, context) =>
    provide({ ...params, ...(params.Endpoint !== undefined && { ForcePathStyle: true }) }, context);
}

const uriOf = ({ bucket, key }: S3Address) => `s3://${bucket}/${key}`;
const place = ({ bucket, key }: S3Address) => ({ Bucket: bucket, Key: key });

function reads(send: Send): Pick<S3Api, 'head' | 'get'> {
  return {
    head: (at, signal) =>
      send(
        `${uriOf(at)} cannot be looked up`,
        async ({ sdk, client }, options) => {
          try {
            const request = new sdk.HeadObjectCommand({ ...place(at), ChecksumMode: 'ENABLED' });
            const answer = await client.send(request, options);
            const isWhole = answer.ChecksumType === 'FULL_OBJECT' && answer.ChecksumCRC32 !== undefined;
            return {
              etag: answer.ETag ?? '',
              bytes: answer.ContentLength ?? 0,
              isExecutable: isMarked(answer.Metadata),
              crc32: isWhole ? decodeCrc32(answer.ChecksumCRC32 ?? '') : null,
            };
          } catch (error) {
            // S3 answers without a body, and so without a code.
            if (statusOf(error) === 404) return null;
            throw error;
          }
        },
        signal,
      ),

    get: (at, etag, range, signal) =>
      send(
        `${uriOf(at)} cannot be read`,
        async ({ sdk, client }, options) => {
          try {
            const request = new sdk.GetObjectCommand({
              ...place(at),
              IfMatch: etag,
              ...(range ? { Range: `bytes=${range[0]}-${range[1]}` } : { ChecksumMode: 'ENABLED' }),
            });
            const answer = await client.send(request, options);
            // On Node the body is always such a stream.
            return { body: answer.Body as Readable, isExecutable: isMarked(answer.Metadata) };
          } catch (error) {
            if (![404, 412, 416].includes(statusOf(error) ?? 0)) throw error;
            throw new SluiceError('StorageError', `${uriOf(at)} has changed while it was read`, {
              cause: error,
            });
          }
        },
        signal,
      ),
  };
}

function lists(send: Send): Pick<S3Api, 'list'> {
  return {
    list: (at, token, limit, signal) =>
      send(
        `${uriOf(at)} cannot be listed`,
        async ({ sdk, client }, options) => {
          const request = new sdk.ListObjectsV2Command({
            Bucket: at.bucket,
            Prefix: at.key,
            MaxKeys: limit,
            // XML cannot carry every character of a key.
            EncodingType: 'url',
            ...(token !== null && { ContinuationToken: token }),
          });
          const answer = await client.send(request, options);
          const decode =
            answer.EncodingType === 'url'
              ? (key: string) => decodeURIComponent(key.replaceAll('+', ' '))
              : (key: string) => key;
          return {
            objects: (answer.Contents ?? []).map(({ Key = '', ETag = '', Size = 0 }) => ({
              key: decode(Key),
              etag: ETag,
              bytes: Size,
            })),
            next: answer.IsTruncated === true ? (answer.NextContinuationToken ?? null) : null,
          };
        },
        signal,
      ),
  };
}

function writes(send: Send): Pick<S3Api, 'put'> {
  return {
    put: (at, bytes, options, signal) =>
      send(
        `${uriOf(at)} cannot be written`,
        ({ sdk, client }, sending) =>
          unlessThere(options, async (condition) => {
            const request = { ...place(at), Body: bytes, ...metadata(options), ...condition };
            await client.send(new sdk.PutObjectCommand(request), sending);
          }),
        signal,
      ),
  };
}

function multipart(send: Send): Pick<S3Api, 'begin' | 'part' | 'complete' | 'abort'> {
  const cannotWrite = (at: S3Address) => `${uriOf(at)} cannot be written`;
  return {
    begin: (at, options, signal) =>
      send(
        cannotWrite(at),
        async ({ sdk, client, withChecksums }, sending) => {
          const request = new sdk.CreateMultipartUploadCommand({
            ...place(at),
            ...metadata(options),
            ...(withChecksums && { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' }),
          });
          return (await client.send(request, sending)).UploadId ?? '';
        },
        signal,
      ),

    part: (at, id, { number, crc32, bytes }, signal) =>
      send(
        cannotWrite(at),
        async ({ sdk, client, withChecksums }, sending) => {
          const request = new sdk.UploadPartCommand({
            ...place(at),
            UploadId: id,
            PartNumber: number,
            Body: bytes,
            ...(withChecksums && { ChecksumCRC32: encodeCrc32(crc32) }),
          });
          const { ETag = '' } = await client.send(request, sending);
          return { number, etag: ETag, crc32 };
        },
        signal,
      ),

    complete: (at, id, object, options, signal) =>
      send(
        cannotWrite(at),
        ({ sdk, client, withChecksums }, sending) =>
          unlessThere(options, async (condition) => {
            const request = new sdk.CompleteMultipartUploadCommand({
              ...place(at),
              UploadId: id,
              MultipartUpload: { Parts: object.parts.map((part) => partOf(part, withChecksums)) },
              ...(withChecksums && { ChecksumType: 'FULL_OBJECT', ChecksumCRC32: encodeCrc32(object.crc32) }),
              MpuObjectSize: object.bytes,
              ...condition,
            });
            await client.send(request, sending);
          }),
        signal,
      ),

    abort: (at, id) =>
      send(`the parts of ${uriOf(at)} cannot be removed`, async ({ sdk, client }) => {
        // The caller's signal may be why it is given up.
        const request = new sdk.AbortMultipartUploadCommand({ ...place(at), UploadId: id });
        await client.send(request, { abortSignal: AbortSignal.timeout(abortMs) });
      }),
  };
}

const isMarked = (metadata: Record<string, string> | undefined) => metadata?.[executableMark] === 'true';
const metadata = ({ isExecutable }: WriteOptions) =>
  isExecutable === true ? { Metadata: { [executableMark]: 'true' } } : {};

const partOf = ({ number, etag, crc32 }: S3Part, withChecksums: boolean) => ({
  PartNumber: number,
  ETag: etag,
  ...(withChecksums && { ChecksumCRC32: encodeCrc32(crc32) }),
});

function encodeCrc32(crc32: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32);
  return bytes.toString('base64');
}

function decodeCrc32(text: string): number | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 4 ? bytes.readUInt32BE() : null;
}

async function unlessThere(
  { onlyIfAbsent }: WriteOptions,
  write: (condition: { IfNoneMatch?: string }) => Promise<void>,
): Promise<Written> {
  try {
    await write(onlyIfAbsent === true ? { IfNoneMatch: '*' } : {});
  } catch (error) {
    if (onlyIfAbsent !== true) throw error;
    if (statusOf(error) === 412) return 'there already';
    // The server has no such condition.
    if (statusOf(error) !== 501) throw error;
    await write({});
  }
  return 'written';
}
