import type { Readable } from 'node:stream';

/** Where data lives, by URI: a folder of this machine, or a bucket. */
export interface Storage {
  /** `file:///…/.sluice/storage` or `s3://bucket/prefix`, without a final slash. */
  readonly rootUri: string;
  /**
   * Copies a local file or folder under a name made of its content and returns the URI of the copy. Content that is there
   * already is not copied again; whoever does the same at the same time does no harm.
   * @throws SluiceError `InvalidInput` if it isn't there, or is a link or a special file.
   */
  upload(localPath: string, signal?: AbortSignal): Promise<UploadedObject>;
  /** Reads a small text file whole. @throws SluiceError `OutputMissing` when it isn't there or is larger. */
  readText(uri: string, maxBytes: number, signal?: AbortSignal): Promise<string>;
  /**
   * The hash that {@link upload} would give, without copying; in constant memory.
   * @throws SluiceError `InvalidInput` if nothing is there.
   */
  hash(uri: string, signal?: AbortSignal): Promise<Content>;
  /** What is there: a file or object, or a folder or objects below `<uri>/`. Null: nothing. @throws SluiceError `InvalidInput` without that bucket. */
  find(uri: string, signal?: AbortSignal): Promise<'file' | 'folder' | null>;
}

/** Storage of this machine. */
export interface FileStorage extends Storage {
  /** The local path behind a URI of this storage or of the root folder. @throws SluiceError `InvalidInput` for any other. */
  localPath(uri: string): string;
}

/**
 * A bucket. Every operation takes `s3://` URIs of any bucket that the credentials may use; what `upload` makes lies below
 * {@link Storage.rootUri}. A URI names the object of that key, or else the objects below it, as a folder: `s3://b/train` is
 * never `s3://b/training.csv`, though an S3 prefix would be.
 *
 * @throws SluiceError `StorageError`, retryable, when an object changes while it is read, a body is cut short, or the bytes
 * are not those of the checksum; `ServiceUnavailable` and `Throttled` when S3 does not answer; `AccessDenied` without permission.
 */
export interface S3Storage extends Storage {
  /**
   * Code in the two forms that jobs take it in, once for the same content. The archive has the same bytes on every machine:
   * sorted, without times, owners and compression.
   */
  uploadCode(folder: string, signal?: AbortSignal): Promise<UploadedCode>;
  /**
   * An object becomes the file `target`, objects below `<uri>/` the folder; whole or not at all. A file that was there is
   * replaced; a folder is not.
   * @throws SluiceError `InvalidInput` if nothing is there, or a key cannot be a path below `target`.
   */
  download(uri: string, target: string, signal?: AbortSignal): Promise<void>;
  /**
   * A file becomes the object, a folder the objects below `<uri>/`, links inside it being followed. In constant memory; each
   * object whole or not at all.
   */
  put(source: string, uri: string, signal?: AbortSignal): Promise<void>;
  /**
   * Which version of the data is there, without reading it: one request for a thousand objects.
   * @throws SluiceError `InvalidInput` if nothing is there.
   */
  fingerprint(uri: string, signal?: AbortSignal): Promise<Fingerprint>;
  /**
   * What is there, as SageMaker is to be told, which takes every object whose key begins with what it is given: a folder has a
   * slash at its end. `alsoTaken` is another object whose key begins with that of the object. Null: nothing is there.
   */
  asPrefix(uri: string, signal?: AbortSignal): Promise<{ uri: string; alsoTaken: string | null } | null>;
  /** The bytes of an object; the stream fails if it changes or cannot be read to its end. @throws SluiceError `InvalidInput` if it isn't there. */
  read(uri: string, signal?: AbortSignal): Promise<Readable>;
  /** Writes an object, whole or not at all: nothing is there when the bytes fail to come. In constant memory. */
  write(uri: string, bytes: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<void>;
}

export interface Content {
  /** SHA-256 of the content: of the bytes of a file, of the sorted list of paths and hashes of a folder. Hex. */
  sha256: string;
  bytes: number;
}

export interface Fingerprint {
  /** SHA-256 over ETag, size and name of every object, in the order of the names. The same bytes written anew may have another. Hex. */
  etags: string;
  bytes: number;
}

export interface UploadedObject extends Content {
  uri: string;
}

export interface UploadedCode extends Content {
  /** The folder with the files: for processing jobs. */
  uri: string;
  /** `sourcedir.tar.gz`: for training jobs. */
  archiveUri: string;
}
