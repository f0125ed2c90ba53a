import { z } from 'zod';
import type { Scalar } from './expressions.ts';
import { childPath, type Problem } from './problems.ts';
import { excerpt, listed } from './wording.ts';

const description = z.string().max(1024).optional();

/**
 * A declared parameter, in SageMaker's types. One without a default is required at start.
 * Strings are 1 to 1,024 characters long, SageMaker's limit for a value at run time.
 */
export const parameter = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('String'),
    default: z.string().min(1).max(1024).optional(),
    enumValues: z.array(z.string().min(1).max(1024)).min(1).optional(),
    description,
  }),
  z.strictObject({ type: z.literal('Integer'), default: z.int().optional(), description }),
  z.strictObject({ type: z.literal('Float'), default: z.number().optional(), description }),
  z.strictObject({ type: z.literal('Boolean'), default: z.boolean().optional(), description }),
]);
export type Parameter = z.infer<typeof parameter>;

export const parameterName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _');

export const parameters = z.record(parameterName, parameter);
export type Parameters = z.infer<typeof parameters>;

const accepts: Record<Parameter['type'], { schema: z.ZodType<Scalar>; expected: string }> = {
  String: { schema: z.string().min(1).max(1024), expected: 'a string of 1 to 1,024 characters' },
  Integer: { schema: z.int(), expected: 'a whole number' },
  Float: { schema: z.number(), expected: 'a finite number' },
  Boolean: { schema: z.boolean(), expected: 'true or false' },
};

function problemWith(declared: Parameter, value: unknown): string | undefined {
  const { schema, expected } = accepts[declared.type];
  if (!schema.safeParse(value).success) {
    return `is of type ${declared.type} and takes ${expected}, not ${excerpt(value)}`;
  }
  if (declared.type === 'String' && declared.enumValues && !declared.enumValues.includes(value as string)) {
    return `takes one of ${listed(declared.enumValues)}, not ${excerpt(value)}`;
  }
  return undefined;
}

/** The value of every parameter: what was given at start, else the default. */
export function parameterValues(
  declared: Parameters,
  given: Readonly<Record<string, unknown>>,
): { values: Map<string, Scalar>; problems: Problem[] } {
  const problems: Problem[] = [];
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(declared, name)) {
      problems.push({
        path: childPath('parameters', name),
        message: `is not declared by the pipeline (declared: ${listed(Object.keys(declared))})`,
      });
    }
  }
  const values = new Map<string, Scalar>();
  for (const [name, declaration] of Object.entries(declared)) {
    const value = Object.hasOwn(given, name) ? given[name] : declaration.default;
    const problem =
      value === undefined
        ? 'is required: it has no default and was not given'
        : problemWith(declaration, value);
    if (problem === undefined) values.set(name, value as Scalar);
    else problems.push({ path: childPath('parameters', name), message: problem });
  }
  return { values, problems };
}

/**
 * Reads a parameter from the text of a command line: `3.0` for a Float, `true` for a Boolean.
 * Text that does not fit its type is returned as it is, for {@link parameterValues} to refuse.
 */
export function parseParameterText(declared: Parameter | undefined, text: string): Scalar {
  switch (declared?.type) {
    case 'Integer':
    case 'Float':
      return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : text;
    case 'Boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'String':
    case undefined:
      return text;
  }
}
