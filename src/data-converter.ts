import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { createEncryptionCodec } from './codec/encryption.ts';
import { parseKeys } from './codec/keys.ts';
import { readVariable, type Config } from './config.ts';
import { createSecretReader } from './secrets.ts';

/**
 * How worker, commands and replay turn values into what the server keeps: encrypted, if there are keys; else as the SDK does.
 * @throws SluiceError `InvalidInput` if the keys cannot be read.
 */
export async function loadDataConverter({ encryptionKeys }: Config): Promise<DataConverter> {
  if (encryptionKeys === null) return { payloadCodecs: [createEncryptionCodec(new Map())] };
  const keys = parseKeys(await createSecretReader(readVariable)(encryptionKeys));
  return { payloadCodecs: [createEncryptionCodec(keys)], failureConverterPath };
}

export const failureConverterPath = fileURLToPath(new URL('codec/failure-converter.cjs', import.meta.url));
