import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEncryptionCodec } from '../../src/codec/encryption.ts';
import { parseKeys } from '../../src/codec/keys.ts';
import { startCodecServer, type CodecServer } from '../../src/codec/server.ts';

const ui = 'https://ui.example';
let server: CodecServer;
beforeAll(async () => {
  const codec = createEncryptionCodec(parseKeys(`k:${randomBytes(32).toString('base64')}`));
  server = await startCodecServer({ codec, host: '127.0.0.1', port: 0, origins: [ui] });
});
afterAll(() => server.close());

const base64 = (bytes: Uint8Array | undefined | null) => Buffer.from(bytes ?? []).toString('base64');
const { metadata, data } = defaultPayloadConverter.toPayload({ secret: 'salary' });
const plain = { metadata: { encoding: base64(metadata?.encoding) }, data: base64(data) };

const post = (path: string, body: unknown, headers = {}) =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('the codec server', () => {
  it('encodes and decodes, also below a path', async () => {
    const encoded = (await (await post('/encode', { payloads: [plain] })).json()) as { payloads: object[] };
    expect(JSON.stringify(encoded)).not.toContain(plain.data);
    const decoded = await post('/default/decode', { payloads: [...encoded.payloads, plain] });
    expect(await decoded.json()).toEqual({ payloads: [plain, plain] });
    expect(await (await post('/decode', {})).json()).toEqual({ payloads: [] });
  });

  it('lets the Web UI read its answers, and asks for no more than it needs', async () => {
    const asking = await fetch(`${server.url}/decode`, {
      method: 'OPTIONS',
      headers: {
        origin: ui,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-namespace',
        'access-control-request-private-network': 'true',
      },
    });
    expect(asking.status).toBe(204);
    expect(Object.fromEntries(asking.headers)).toMatchObject({
      'access-control-allow-origin': ui,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'content-type, x-namespace, authorization',
      'access-control-allow-private-network': 'true',
      vary: 'origin',
    });
    const answer = await post('/decode', { payloads: [plain] }, { origin: ui });
    expect(answer.headers.get('access-control-allow-origin')).toBe(ui);
  });

  it.each(['https://evil.example', 'null', 'https://ui.example.evil.example'])(
    'tells pages of others nothing: %s',
    async (origin) => {
      const answer = await post('/decode', { payloads: [plain] }, { origin });
      expect(answer.status).toBe(403);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(await answer.text()).not.toContain(plain.data);
    },
  );

  it.each([
    ['/decode', '{', 400, 'not JSON'],
    ['/decode', { payloads: [{ data: '!' }] }, 400, 'payloads[0].data'],
    ['/decode', { payloads: 7 }, 400, 'payloads'],
    ['/other', {}, 404, 'POST /encode or /decode'],
  ])('says what is wrong with a request: %s %j', async (path, body, status, said) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as { message: string }).message).toContain(said);
  });

  it('takes nothing but POST', async () => {
    expect((await fetch(`${server.url}/decode`)).status).toBe(405);
  });
});
