import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { SluiceError } from '../core/errors.ts';
import type { Keys } from './keys.ts';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;
const encoding = 'binary/encrypted';
const keyIdField = 'encryption-key-id';
const algorithm = 'aes-256-gcm';
/** What NIST SP 800-38D has for GCM: 96 bits of nonce, 128 of tag. */
const nonceBytes = 12;
const tagBytes = 16;

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (field: Uint8Array | null | undefined) => new TextDecoder().decode(field ?? new Uint8Array());

/**
 * Encrypts whole payloads, their metadata included, in the format of Temporal's own examples: nonce, ciphertext, tag. What is not
 * encrypted passes, so that runs from before and input typed into the Temporal CLI are read. Without a key nothing is encrypted, and
 * what is encrypted is refused with a reason.
 */
export function createEncryptionCodec(keys: Keys): PayloadCodec {
  const [newest] = keys;

  const encrypt = (payload: Payload): Payload => {
    if (newest === undefined) return payload;
    const [id, key] = newest;
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, key, nonce);
    const sealed = [cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()];
    return {
      metadata: { [METADATA_ENCODING_KEY]: bytes(encoding), [keyIdField]: bytes(id) },
      data: Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]),
    };
  };

  const decrypt = (payload: Payload): Payload => {
    if (textOf(payload.metadata?.[METADATA_ENCODING_KEY]) !== encoding) return payload;
    const usedId = textOf(payload.metadata?.[keyIdField]);
    const used = keys.get(usedId);
    if (used === undefined) {
      throw new SluiceError(
        'InvalidInput',
        `A payload is encrypted with the key ${JSON.stringify(usedId)}: set SLUICE_ENCRYPTION_KEYS to keys with it`,
      );
    }
    const data = payload.data ?? new Uint8Array();
    try {
      const decipher = createDecipheriv(algorithm, used, data.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAuthTag(data.subarray(-tagBytes));
      const open = [decipher.update(data.subarray(nonceBytes, -tagBytes)), decipher.final()];
      return PayloadMessage.decode(Buffer.concat(open));
    } catch (cause) {
      throw new SluiceError(
        'InvalidInput',
        `A payload cannot be decrypted with the key ${JSON.stringify(usedId)}: it is another key of that id, or the payload was changed`,
        { cause },
      );
    }
  };

  return {
    encode: (payloads) => Promise.resolve().then(() => payloads.map(encrypt)),
    decode: (payloads) => Promise.resolve().then(() => payloads.map(decrypt)),
  };
}
