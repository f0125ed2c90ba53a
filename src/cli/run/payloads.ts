import type { Client } from '@temporalio/client';

type Codec = Client['options']['loadedDataConverter']['payloadCodecs'][number];
type Payload = Parameters<Codec['decode']>[0][number];

/** The values of payloads that the server gave as they are. */
export async function decodeAll(client: Client, payloads: Payload[]): Promise<unknown[]> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads);
  return payloads.map((payload) => payloadConverter.fromPayload(payload));
}
