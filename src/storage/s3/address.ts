import { join } from 'node:path';
import type { S3Address } from '../../aws/s3-api.ts';
import { SluiceError } from '../../core/errors.ts';
import { quote } from '../../core/wording.ts';

/** `s3://bucket/any key`, not encoded, as SageMaker writes them. Slashes at the end of the key are left out. */
export function parseS3Uri(uri: string): S3Address {
  const [, bucket, key = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(uri) ?? [];
  if (bucket !== undefined) return { bucket, key: key.replace(/\/+$/, '') };
  throw new SluiceError('InvalidInput', `${quote(uri, 1024)} is no URI of S3: s3://bucket/key`, {
    details: { uri: uri.slice(0, 1024) },
  });
}

export const s3Uri = ({ bucket, key }: S3Address) =>
  key === '' ? `s3://${bucket}` : `s3://${bucket}/${key}`;

/** The object of that name in the folder. */
export const below = ({ bucket, key }: S3Address, name: string): S3Address => ({
  bucket,
  key: key === '' ? name : `${key}/${name}`,
});

const unsafe = /[\u0000-\u001f\u007f\\]/;

/**
 * Where an object of a folder goes on this machine. Anybody who may write to a bucket chooses its keys.
 * @param name - the key below that of the folder.
 * @throws SluiceError `InvalidInput` if that may lie outside `folder`, or is no path.
 */
export function pathOf(folder: string, name: string, at: S3Address): string {
  const steps = name.split('/');
  const isSafe = !unsafe.test(name) && steps.every((step) => step !== '' && step !== '.' && step !== '..');
  if (isSafe) return join(folder, ...steps);
  throw new SluiceError(
    'InvalidInput',
    `${quote(s3Uri(at), 1024)} cannot be a file below ${folder}: its key has "..", an empty part, "\\" or control characters`,
    { details: { uri: s3Uri(at) } },
  );
}
