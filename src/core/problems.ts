import type { z } from 'zod';
import { SluiceError } from './errors.ts';

/** One thing that is wrong with an input, and where: a JSON path such as `steps.train.script`. */
export interface Problem {
  path: string;
  message: string;
}

export function childPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** @throws SluiceError `InvalidInput` that lists every problem, if there is any. */
export function refuseProblems(what: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const shown = problems
    .slice(0, 20)
    .map(({ path, message }) => `  ${path === '' ? '(top level)' : path}: ${message}`);
  if (problems.length > shown.length) shown.push(`  … and ${problems.length - shown.length} more`);
  throw new SluiceError('InvalidInput', `${what} is not valid:\n${shown.join('\n')}`, {
    details: { problems: problems.slice(0, 20) },
  });
}

/** zod's issues in our words: one line each, unknown keys with the key in the path. */
export function problemsOf(error: z.ZodError, at = ''): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const path = issue.path.reduce<string>((parent, key) => childPath(parent, key as string | number), at);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: childPath(path, key),
        message: 'is not a known key (misspelt?)',
      }));
    }
    return [{ path, message: issue.message }];
  });
}

/** Parses or refuses: the one way outside data come in. @throws SluiceError `InvalidInput` with every problem. */
export function parseWith<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
  value: unknown,
  at = '',
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) refuseProblems(what, problemsOf(parsed.error, at));
  return parsed.data as z.output<Schema>;
}
