import type { Readable } from 'node:stream';

/** An object by its place. The key is as S3 has it: not encoded, without a slash at its beginning. */
export interface S3Address {
  bucket: string;
  key: string;
}

export interface S3Object {
  /** As S3 gives it, in quotes. */
  etag: string;
  bytes: number;
  /** Whether it was an executable file: S3 keeps no modes. */
  isExecutable: boolean;
  /** CRC-32 of all its bytes, where S3 has it. */
  crc32: number | null;
}

export interface S3Listed {
  key: string;
  etag: string;
  bytes: number;
}

export interface S3Part {
  number: number;
  etag: string;
  crc32: number;
}

/** What S3 did with an object that was to be written only if there was none. */
export type Written = 'written' | 'there already';

export interface WriteOptions {
  isExecutable?: boolean | undefined;
  /** Only if there is no object of that key. Where the server knows no such condition, it is written all the same. */
  onlyIfAbsent?: boolean | undefined;
}

/**
 * S3 in Sluice's words, one method a call; retried by the SDK (standard mode: exponential with jitter).
 * @throws SluiceError as `aws/errors.ts` says; the reason of the signal when it was aborted.
 */
export interface S3Api {
  /** Null: there is none, or no such bucket. */
  head(at: S3Address, signal?: AbortSignal): Promise<S3Object | null>;
  /**
   * @param etag - that it must have. @throws SluiceError `StorageError` if it has changed since, or is gone.
   * @param range - first and last byte; null: all of it, its checksum being compared at the end of the stream.
   */
  get(
    at: S3Address,
    etag: string,
    range: [first: number, last: number] | null,
    signal?: AbortSignal,
  ): Promise<{ body: Readable; isExecutable: boolean }>;
  put(at: S3Address, bytes: Buffer, options: WriteOptions, signal?: AbortSignal): Promise<Written>;
  /** Begins an object of many parts and returns the id of the upload. */
  begin(at: S3Address, options: WriteOptions, signal?: AbortSignal): Promise<string>;
  part(
    at: S3Address,
    id: string,
    part: { number: number; crc32: number; bytes: Buffer },
    signal?: AbortSignal,
  ): Promise<S3Part>;
  complete(
    at: S3Address,
    id: string,
    object: { parts: readonly S3Part[]; bytes: number; crc32: number },
    options: WriteOptions,
    signal?: AbortSignal,
  ): Promise<Written>;
  /** Parts that are kept cost money. */
  abort(at: S3Address, id: string): Promise<void>;
  /** A page of at most 1,000 objects whose keys begin with the prefix, in the order of their bytes. */
  list(
    at: S3Address,
    token: string | null,
    limit: number,
    signal?: AbortSignal,
  ): Promise<{ objects: S3Listed[]; next: string | null }>;
}
