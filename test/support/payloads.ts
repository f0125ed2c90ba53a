/** The bytes of every payload in a history as JSON. */
export const payloadsOf = (history: string) =>
  [...history.matchAll(/"data": ?"([^"]*)"/g)]
    .map(([, data = '']) => Buffer.from(data, 'base64').toString('latin1'))
    .join('\n');
