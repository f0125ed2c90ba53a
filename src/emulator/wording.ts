/** A value as AWS prints it in messages: Java's `toString`, cut where it is long. */
export function wordOf(value: unknown): string {
  const word = inJava(value);
  return word.length > 1024 ? `${word.slice(0, 1024)}...` : word;
}

function inJava(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inJava).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, inner]) => `${key}=${inJava(inner)}`);
    return `{${entries.join(', ')}}`;
  }
  return String(value);
}
