import { request, type RequestOptions } from 'node:http';
import { request as secureRequest, type RequestOptions as SecureOptions } from 'node:https';
import type { Readable } from 'node:stream';

export interface Answer {
  status: number;
  body: string;
}

/** One request on a connection of its own. */
export function ask(
  options: RequestOptions | ({ secure: true } & SecureOptions),
  body?: Readable | Buffer | string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = 'secure' in options ? secureRequest : request;
    const sent = send({ agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode!, body: text }));
    });
    sent.once('error', reject);
    if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) body.pipe(sent);
    else sent.end(body);
  });
}
