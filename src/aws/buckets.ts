import type * as Sdk from '@aws-sdk/client-s3';
import type { BucketLocationConstraint } from '@aws-sdk/client-s3';
import { isAwsError } from '../core/aws-facts.ts';
import { SluiceError } from '../core/errors.ts';
import { clientOptions } from './config.ts';
import { toSluiceError } from './errors.ts';
import { listening, type CallListener } from './listening.ts';
import { usePaths } from './s3.ts';

export interface BucketsApi {
  /**
   * Null: there is no such bucket. The region is null where the server does not tell.
   * @param owner - twelve digits: whose it must be; null: anybody's.
   * @throws SluiceError `AccessDenied` if the credentials may not use it, or it is somebody else's.
   */
  find(
    bucket: string,
    region: string,
    owner: string | null,
    signal: AbortSignal,
  ): Promise<{ region: string | null } | null>;
  /** Makes it, with the protections that S3 gives to new buckets: private and encrypted. No error if it is there and ours. */
  create(bucket: string, region: string, signal: AbortSignal): Promise<void>;
}

/** Buckets are looked at once a run: a client each time. */
export function createBucketsApi(onCall?: CallListener): BucketsApi {
  return {
    async find(bucket, region, owner, signal) {
      const { sdk, client } = await load(region, onCall);
      const input = { Bucket: bucket, ...(owner !== null && { ExpectedBucketOwner: owner }) };
      try {
        const { BucketRegion } = await client.send(new sdk.HeadBucketCommand(input), { abortSignal: signal });
        return { region: BucketRegion ?? null };
      } catch (error) {
        signal.throwIfAborted();
        const failure = toSluiceError(error, `HeadBucket ${bucket}`);
        if (isAwsError(failure, 'NotFound', 'NoSuchBucket')) return null;
        throw failure.code === 'AccessDenied' ? explainDenial(bucket, owner, failure) : failure;
      } finally {
        client.destroy();
      }
    },

    async create(bucket, region, signal) {
      const { sdk, client } = await load(region, onCall);
      // For the one region that existed first, S3 refuses to hear its name.
      const place = { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } };
      const input = { Bucket: bucket, ...(region !== 'us-east-1' && place) };
      try {
        await client.send(new sdk.CreateBucketCommand(input), { abortSignal: signal });
      } catch (error) {
        signal.throwIfAborted();
        const failure = toSluiceError(error, `CreateBucket ${bucket}`);
        if (!isAwsError(failure, 'BucketAlreadyOwnedByYou')) throw failure;
      } finally {
        client.destroy();
      }
    },
  };
}

async function load(
  region: string,
  onCall: CallListener | undefined,
): Promise<{ sdk: typeof Sdk; client: Sdk.S3Client }> {
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    ...clientOptions(region),
    // A bucket of another region says so.
    followRegionRedirects: true,
  });
  usePaths(client);
  return { sdk, client: listening(client, onCall) };
}

/** The answer to HEAD has no text. */
function explainDenial(bucket: string, owner: string | null, cause: SluiceError): SluiceError {
  const whose = owner === null ? '' : `, or the bucket is not of account ${owner}`;
  return new SluiceError(
    'AccessDenied',
    `HeadBucket ${bucket}: S3 refuses access to the bucket: the credentials of the worker lack s3:ListBucket${whose}`,
    { cause, details: cause.details },
  );
}
