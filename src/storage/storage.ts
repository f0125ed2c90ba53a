/** Where data lives, by URI. The file storage is the only one so far; S3 comes with the SageMaker engine. */
export interface Storage {
  /** `file:///…/.sluice/storage`, without a final slash. */
  readonly rootUri: string;
  /** Copies a local file or folder under a name made of its content, once, and returns the URI of the copy. */
  upload(localPath: string, signal?: AbortSignal): Promise<UploadedObject>;
  /** The local path behind a URI of this storage or of the root folder. @throws SluiceError `InvalidInput` for any other. */
  localPath(uri: string): string;
  /** Reads a small text file whole. @throws SluiceError `OutputMissing` when it isn't there or is larger. */
  readText(uri: string, maxBytes: number): Promise<string>;
}

export interface UploadedObject {
  uri: string;
  /** SHA-256 of the content: of the bytes of a file, of the sorted list of paths and hashes of a folder. Hex. */
  sha256: string;
  bytes: number;
}
