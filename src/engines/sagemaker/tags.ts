/** `[\p{L}\p{Z}\p{N}_.:/=+\-@]`, up to 256: TagValue of the service model. "=" is ours, to write the others with. */
const taken = /[^\p{L}\p{Z}\p{N}_.:/+\-@]/gu;

/**
 * Text as the value of a tag: what AWS does not take, and "=", as `=XX` for each byte of its UTF-8. Who has the value can
 * tell the text from it.
 */
export function tagValue(text: string): string {
  return text.replace(taken, (mark) =>
    [...Buffer.from(mark, 'utf8')].map((byte) => `=${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/** The text that {@link tagValue} made a tag of. */
export function tagText(value: string): string {
  return value.replace(/(=[0-9a-f]{2})+/g, (codes) =>
    Buffer.from(codes.replaceAll('=', ''), 'hex').toString('utf8'),
  );
}
