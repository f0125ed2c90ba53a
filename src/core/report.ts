import type { Json } from './expressions.ts';
import type { Reading } from './gate.ts';
import { parseJson } from './json.ts';
import { excerpt, quote } from './wording.ts';

/** A report larger than this is refused unread. */
export const maxReportBytes = 1024 * 1024;

/** Reads one metric, `a.b.c`, from the text of an evaluation report. Anything but a finite JSON number is unreadable. */
export function readMetric(text: string, metric: string): Reading {
  const parsed = parseJson(text);
  if (parsed.kind === 'invalid')
    return { kind: 'unreadable', reason: `the report cannot be read: ${parsed.reason}` };
  let node: Json | undefined = parsed.value;
  const walked: string[] = [];
  for (const key of metric.split('.')) {
    if (node === null || typeof node !== 'object' || Array.isArray(node) || !Object.hasOwn(node, key)) {
      const where = walked.length === 0 ? 'the report' : quote(walked.join('.'));
      return {
        kind: 'unreadable',
        reason: `${metric} is missing: ${where} has no ${quote(key)}${knownKeys(node)}`,
      };
    }
    node = node[key];
    walked.push(key);
  }
  if (typeof node === 'number' && Number.isFinite(node)) return { kind: 'value', value: node };
  return { kind: 'unreadable', reason: `${metric} is ${excerpt(node)}, not a finite number` };
}

function knownKeys(node: Json | undefined): string {
  if (node === null || typeof node !== 'object' || Array.isArray(node)) return '';
  return ` (it has: ${excerpt(Object.keys(node))})`;
}
