import type { z } from 'zod';
import { excerpt } from './wording.ts';

const nouns: Partial<Record<string, string>> = {
  string: 'text',
  number: 'a finite number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** zod speaks of "Invalid input"; a person wants to know what would be valid. */
export function wordingOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return takes(nouns[issue.expected] ?? issue.expected, issue.input);
    case 'invalid_value':
      return takes(oneOf(issue.values), issue.input);
    case 'invalid_union':
      return issue.discriminator === undefined ? undefined : discriminated(issue);
    case 'too_small':
      return `must ${sizeOf(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `must ${sizeOf(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_format':
      return issue.format === 'url' ? 'must be an http:// or https:// address' : undefined;
    default:
      return undefined;
  }
}

function takes(what: string, input: unknown): string {
  return input === undefined ? `is missing; it takes ${what}` : `takes ${what}, not ${excerpt(input)}`;
}

function discriminated(issue: z.core.$ZodRawIssue & { code: 'invalid_union' }): string {
  const { discriminator = '', options = [] } = issue as { discriminator?: string; options?: unknown[] };
  const input = issue.input as Record<string, unknown> | undefined;
  return takes(oneOf(options), input?.[discriminator]);
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1
    ? excerpt(values[0])
    : `one of ${values.map((item) => excerpt(item)).join(', ')}`;
}

function sizeOf(origin: string, bound: string, limit: number | bigint): string {
  if (origin === 'string')
    return bound === 'at least' && limit === 1 ? 'not be empty' : `have ${bound} ${limit} characters`;
  if (origin === 'array') return `have ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  return `be ${bound} ${limit}`;
}
