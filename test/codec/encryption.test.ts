import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { createEncryptionCodec } from '../../src/codec/encryption.ts';
import { parseKeys } from '../../src/codec/keys.ts';
import { failureOf } from '../support/folders.ts';

const key = () => randomBytes(32).toString('base64');
const [oldKey, newKey] = [`old:${key()}`, `new:${key()}`];
const codecOf = (...keys: string[]) => createEncryptionCodec(parseKeys(keys.join(',')));
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = ([payload]: Payload[]): unknown => defaultPayloadConverter.fromPayload(payload!);
const textOf = (payload: Payload) =>
  JSON.stringify({
    ...payload.metadata,
    data: Buffer.from(payload.data ?? []).toString('latin1'),
  });

describe('encryption', () => {
  it.each([{ secret: 'salary' }, 'text', 7, null, [], undefined])(
    'gives back what went in: %j',
    async (value) => {
      const codec = codecOf(newKey);
      const encrypted = await codec.encode([payloadOf(value)]);
      expect(valueOf(await codec.decode(encrypted))).toEqual(value);
    },
  );

  it('hides the value and its metadata, and is another one each time', async () => {
    const [first, second] = await codecOf(newKey).encode([payloadOf('salary'), payloadOf('salary')]);
    expect(textOf(first!)).not.toMatch(/salary|json/);
    expect(first!.data).not.toEqual(second!.data);
  });

  it('encrypts with the first key and decrypts with all', async () => {
    const before = await codecOf(oldKey).encode([payloadOf('salary')]);
    const rotated = codecOf(newKey, oldKey);
    expect(valueOf(await rotated.decode(before))).toBe('salary');
    const after = await rotated.encode([payloadOf('salary')]);
    expect(Buffer.from(after[0]!.metadata!['encryption-key-id']!).toString()).toBe('new');
    expect(await failureOf(codecOf(oldKey).decode(after))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('the key "new": set SLUICE_ENCRYPTION_KEYS to keys with it'),
    });
  });

  it('notices another key of the same id, and every changed bit', async () => {
    const codec = codecOf(newKey);
    const [encrypted] = await codec.encode([payloadOf('salary')]);
    const wrong = codecOf(`new:${key()}`);
    expect((await failureOf(wrong.decode([encrypted!]))).message).toContain('another key of that id');
    for (const at of [0, 13, encrypted!.data!.length - 1]) {
      const data = Buffer.from(encrypted!.data!);
      data[at]! ^= 1;
      expect((await failureOf(codec.decode([{ ...encrypted, data }]))).message).toContain('was changed');
    }
    const short = { ...encrypted, data: encrypted!.data!.subarray(0, 20) };
    expect(await failureOf(codec.decode([short]))).toMatchObject({ code: 'InvalidInput' });
  });

  it('lets pass what is not encrypted', async () => {
    expect(valueOf(await codecOf(newKey).decode([payloadOf('typed by hand')]))).toBe('typed by hand');
  });
});

describe('a list of keys', () => {
  it('may have lines', () => {
    expect([...parseKeys(`\n${newKey}\n${oldKey}\n`).keys()]).toEqual(['new', 'old']);
  });

  it.each([
    ['', 'has no key'],
    ['new', 'entry 1 is not <id>:<base64 of 32 bytes>'],
    [`${newKey},old:${randomBytes(16).toString('base64')}`, 'entry 2 is not'],
    [`${newKey},${newKey}`, 'entry 2 has the id new again'],
  ])('is refused without being quoted: %#', async (text, said) => {
    const failure = await failureOf(Promise.resolve().then(() => parseKeys(text)));
    expect(failure).toMatchObject({ code: 'InvalidInput', message: expect.stringContaining(said) });
    for (const part of text.split(/[:,]/).filter((one) => one.length > 4))
      expect(failure.message).not.toContain(part);
  });
});
