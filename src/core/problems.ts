import type { z } from 'zod';
import { SluiceError } from './errors.ts';
import { wordingOf } from './issues.ts';
import { maxDepth } from './json.ts';
import { oneLine, quote } from './wording.ts';

/** One thing that is wrong with an input, and where: a JSON path such as `steps.train.script`. */
export interface Problem {
  path: string;
  message: string;
}

/** More would only bury the first. */
const maxShown = 20;

export function childPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!/^[A-Za-z_$][\w$-]*$/.test(key) || key.length > 300) return `${path}[${quote(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** @throws SluiceError `InvalidInput` that lists every problem, if there is any. */
export function refuseProblems(what: string, problems: readonly Problem[]): void {
  if (problems.length > 0) refuse(what, problems);
}

/** @throws SluiceError `InvalidInput`, always. */
export function refuse(what: string, problems: readonly Problem[]): never {
  const shown = problems
    .slice(0, maxShown)
    .map(({ path, message }) => `  ${path === '' ? '(top level)' : path}: ${message}`);
  if (problems.length > shown.length) shown.push(`  … and ${problems.length - shown.length} more`);
  throw new SluiceError('InvalidInput', `${oneLine(what)} is not valid:\n${shown.join('\n')}`, {
    details: { problems: problems.slice(0, maxShown) },
  });
}

/**
 * Refuses what the schemas cannot be asked about: values nested too deep to walk, and the key `__proto__`, which zod
 * drops from records without a word. @throws SluiceError `InvalidInput`.
 */
export function refuseHostileShape(what: string, root: unknown, at = ''): void {
  const open = [{ value: root, path: at, depth: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= maxDepth) {
      refuse(what, [{ path, message: `is nested deeper than ${maxDepth} levels` }]);
    }
    for (const [key, item] of Object.entries(value)) {
      const inner = childPath(path, Array.isArray(value) ? Number(key) : key);
      if (key === '__proto__') refuse(what, [{ path: inner, message: 'is not a name to be used' }]);
      open.push({ value: item, path: inner, depth: depth + 1 });
    }
  }
}

/** zod's issues in our words: one line each, unknown keys with the key in the path. */
function problemsOf(error: z.ZodError, at = ''): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const path = issue.path.reduce<string>((parent, key) => childPath(parent, key as string | number), at);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: childPath(path, key),
        message: 'is not a known key (misspelt?)',
      }));
    }
    if (issue.code === 'invalid_key') {
      return issue.issues.map(({ message }) => ({
        path,
        message: `is not a name to be used: it ${message}`,
      }));
    }
    return [{ path, message: issue.message }];
  });
}

export type Checked<Value> = { isValid: true; value: Value } | { isValid: false; problems: Problem[] };

export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at = '',
): Checked<z.output<Schema>> {
  const parsed = schema.safeParse(value, { error: wordingOf });
  if (parsed.success) return { isValid: true, value: parsed.data };
  return { isValid: false, problems: problemsOf(parsed.error, at) };
}

/** Parses or refuses: the one way outside data come in. @throws SluiceError `InvalidInput` with every problem. */
export function parseWith<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
  value: unknown,
  at = '',
): z.output<Schema> {
  const checked = check(schema, value, at);
  if (checked.isValid) return checked.value;
  return refuse(what, checked.problems);
}
