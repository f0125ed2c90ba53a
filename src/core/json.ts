import type { Json } from './expressions.ts';
import { oneLine, quote } from './wording.ts';

export type ParsedJson = { kind: 'json'; value: Json } | { kind: 'invalid'; reason: string };

/** No file of ours needs more, and code that walks into itself would overflow the stack. */
export const maxDepth = 64;

/** `JSON.parse` that says where it failed and refuses an object that has a key twice (`JSON.parse` keeps the last). */
export function parseJson(text: string): ParsedJson {
  if (text.startsWith('\uFEFF')) return { kind: 'invalid', reason: 'it starts with a byte order mark' };
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return { kind: 'invalid', reason: `it is not JSON (${oneLine((error as Error).message)})` };
  }
  const problem = problemInside(text);
  return problem === undefined ? { kind: 'json', value } : { kind: 'invalid', reason: problem };
}

/** An object that has a key twice, or nesting too deep. `text` is known to be JSON, so tokens are enough. */
function problemInside(text: string): string | undefined {
  const open: (Set<string> | 'array')[] = [];
  let expectsKey = false;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const container = open.at(-1);
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push('array');
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ',' && expectsKey && container instanceof Set) {
      const key = JSON.parse(token) as string;
      if (container.has(key)) return `it has the key ${quote(key)} twice in one object`;
      container.add(key);
    }
    if (open.length > maxDepth) return `it is nested deeper than ${maxDepth} levels`;
    expectsKey = token === '{' || token === ',';
  }
  return undefined;
}
