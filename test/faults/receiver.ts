import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Evidence } from './evidence.ts';

type Delivery = Evidence['notifications'][number];

/** A receiver of webhooks that hears everything, and does not always say so. */
export async function startReceiver(
  random: () => number,
): Promise<{ url: string; deliveries: Delivery[]; close(): Promise<void> }> {
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    void json(request).then(
      (body) => {
        deliveries.push(body as Delivery);
        const dice = random();
        if (dice < 0.05) request.socket.destroy();
        else response.writeHead(dice < 0.15 ? 503 : 200).end();
      },
      () => request.socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    deliveries,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
