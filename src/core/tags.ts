/** What AWS takes in the value of a tag, but for the sign that our encoding begins with. */
const plain = /^[\p{L}\p{Z}\p{N}_.:/+\-@]$/u;

/**
 * Any text as the value of a tag of AWS (`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`): other characters as `=` and two hexadecimal digits
 * for each byte of UTF-8. {@link fromTagValue} reads it back. AWS takes 256 characters; who writes it looks at its length.
 */
export function toTagValue(text: string): string {
  return Array.from(text, (character) => (plain.test(character) ? character : encoded(character))).join('');
}

/** As much of a text as a tag of AWS holds: 256 characters of its value, and no half of a character. */
export function tagValueOf(text: string): string {
  let value = '';
  for (const character of text) {
    const longer = value + toTagValue(character);
    if (longer.length > 256) break;
    value = longer;
  }
  return value;
}

/** As AWS takes them. Tags of the user are values that it takes as they are: the pipeline file saw to it. */
export const tagListOf = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([Key, text]) => ({
    Key,
    Value: Key.startsWith('sluice:') ? tagValueOf(text) : text,
  }));

/** What was not written by {@link toTagValue} is left as it is. */
export function fromTagValue(value: string): string {
  return value.replace(/(?:=[0-9a-f]{2})+/g, (bytes) => {
    try {
      return decodeURIComponent(bytes.replaceAll('=', '%'));
    } catch {
      return bytes;
    }
  });
}

function encoded(character: string): string {
  return Array.from(
    new TextEncoder().encode(character),
    (byte) => `=${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
