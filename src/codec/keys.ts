import { SluiceError } from '../core/errors.ts';

/** Keys of AES-256 by their ids. The first one encrypts, all of them decrypt. */
export type Keys = ReadonlyMap<string, Uint8Array>;

/**
 * `2026-11:<base64 of 32 bytes>`, several joined by commas or on lines of their own.
 * @throws SluiceError `InvalidInput` that names the entry by its number, never by its text.
 */
export function parseKeys(text: string): Keys {
  const keys = new Map<string, Uint8Array>();
  const entries = text.split(/[\n,]/).map((entry) => entry.trim());
  for (const [index, entry] of entries.filter((one) => one !== '').entries()) {
    const [, id = '', encoded = ''] = /^([\w.-]{1,64}):([A-Za-z0-9+/]{43}=)$/.exec(entry) ?? [];
    if (id === '') throw refusal(index, 'is not <id>:<base64 of 32 bytes>');
    if (keys.has(id)) throw refusal(index, `has the id ${id} again`);
    keys.set(id, Buffer.from(encoded, 'base64'));
  }
  if (keys.size === 0) throw new SluiceError('InvalidInput', 'SLUICE_ENCRYPTION_KEYS has no key');
  return keys;
}

const refusal = (index: number, what: string) =>
  new SluiceError(
    'InvalidInput',
    `SLUICE_ENCRYPTION_KEYS: entry ${index + 1} ${what}; \`openssl rand -base64 32\` makes a key`,
  );
