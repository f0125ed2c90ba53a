/** Controls, line separators and marks that turn the direction of text: what may forge or garble a line of a log. */
const garbling = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const colours = /\u001b\[[0-?]*[ -/]*[@-~]/g;

const escaped = (text: string) =>
  text.replace(garbling, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Text of others for one line of a message: in quotation marks, controls escaped, cut. */
export function quote(text: string, max = 200): string {
  return escaped(JSON.stringify(text.length > max ? `${text.slice(0, max)}…` : text));
}

/** Any value for one line of a message, as JSON, cut. */
export function excerpt(value: unknown, max = 200): string {
  if (typeof value === 'string') return quote(value, max);
  if (value === undefined || typeof value === 'number') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  const text = escaped(asJson(value));
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

function asJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // Circular, or nested too deep to be written.
    return 'what cannot be written as JSON';
  }
}

/** Text of others without quotation marks, on one line. */
export function oneLine(text: string): string {
  return escaped(text);
}

/** Names for a message, the first twenty. */
export function listed(names: Iterable<string>): string {
  const all = [...names];
  const shown = all.slice(0, 20).map((name) => (/^[\w.-]+$/.test(name) ? name : quote(name)));
  if (all.length > shown.length) shown.push(`… and ${all.length - shown.length} more`);
  return shown.join(', ') || 'none';
}

/** A whole message: its lines stay lines, colours go, other controls are escaped. */
export function printable(message: string): string {
  return message
    .replace(colours, '')
    .replace(/\r\n?/g, '\n')
    .split(/([\n\t])/)
    .map(keepingBreaks)
    .join('');
}

const keepingBreaks = (part: string) => (part === '\n' || part === '\t' ? part : escaped(part));
