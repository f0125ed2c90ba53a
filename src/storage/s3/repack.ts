import { SluiceError } from '../../core/errors.ts';
import { repackArchive } from '../archive.ts';
import type { S3Storage } from '../storage.ts';

export interface Repacking {
  /** `model.tar.gz` as training left it. */
  artifactUri: string;
  /** On this machine. */
  codeFolder: string;
  targetUri: string;
}

/** `repackModel` from S3 to S3, in constant memory; the target appears whole or not at all. */
export async function repackModelOnS3(
  storage: Pick<S3Storage, 'read' | 'write'>,
  { artifactUri, codeFolder, targetUri }: Repacking,
  signal?: AbortSignal,
): Promise<void> {
  const bytes = await storage.read(artifactUri, signal).catch((error: unknown) => {
    if (!(error instanceof SluiceError) || error.code !== 'InvalidInput') throw error;
    throw new SluiceError('OutputMissing', error.message, { cause: error, details: { uri: artifactUri } });
  });
  const write = (packed: AsyncIterable<Buffer>, ending: AbortSignal) =>
    storage.write(targetUri, packed, ending);
  await repackArchive({ name: artifactUri, bytes }, codeFolder, write, signal);
}
