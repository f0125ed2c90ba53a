import { AwsError, validationException } from './aws-error.ts';
import { patternOf, serviceModel, shapeOf, type Shape } from './service-model.ts';
import { wordOf } from './wording.ts';

type Body = Readonly<Record<string, unknown>>;

/** A value and where it is, as AWS names places: `inputDataConfig.1.member.channelName`. */
interface Place {
  value: unknown;
  path: string;
}

/**
 * Checks a request against the service model: types, unknown names, required members, enums, patterns, sizes.
 * @throws AwsError `SerializationException` for a wrong type, `ValidationException` that lists every other fault.
 */
export function validateInput(operation: string, input: unknown): Body {
  const { input: shape } = serviceModel().operations[operation] ?? {};
  if (shape === undefined) throw new Error(`the service model has no operation ${operation}`);
  checkShape(shape, input);
  return input as Body;
}

/** The same for an answer; only the emulator's own tests ask. */
export function validateOutput(operation: string, output: unknown): void {
  const { output: shape } = serviceModel().operations[operation] ?? {};
  if (shape !== undefined) checkShape(shape, output);
}

function checkShape(shape: string, value: unknown): void {
  const unknown: string[] = [];
  const faults: string[] = [];
  checkTypes(shape, { value, path: '' }, unknown);
  if (unknown.length > 0) {
    throw validationException(
      `${unknown.length === 1 ? 'Unknown parameter' : 'Unknown parameters'} in input: ${unknown.join(', ')}`,
    );
  }
  checkConstraints(shape, { value, path: '' }, faults);
  if (faults.length > 0) {
    const count = `${faults.length} validation error${faults.length === 1 ? '' : 's'} detected`;
    throw validationException(`${count}: ${faults.join('; ')}`);
  }
}

const isAbsent = (value: unknown) => value === undefined || value === null;
const isObject = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const accepts: Record<Shape['type'], (value: unknown) => boolean> = {
  structure: isObject,
  map: isObject,
  list: Array.isArray,
  string: (value) => typeof value === 'string',
  blob: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
  long: Number.isInteger,
  float: Number.isFinite,
  double: Number.isFinite,
  // Seconds since 1970, as awsJson 1.1 has them.
  timestamp: Number.isFinite,
};

/** @throws AwsError `SerializationException`. */
function checkTypes(shapeName: string, { value, path }: Place, unknown: string[]): void {
  const shape = shapeOf(shapeName);
  if (!accepts[shape.type](value)) {
    throw new AwsError(
      'SerializationException',
      `${wordOf(value)} can not be converted to ${shape.type} at '${path}'`,
    );
  }
  if (shape.type === 'structure') {
    for (const [name, inner] of Object.entries(value as Body)) {
      const member = Object.hasOwn(shape.members ?? {}, name) ? shape.members?.[name] : undefined;
      if (member === undefined) unknown.push(`"${join(path, name)}"`);
      else if (!isAbsent(inner)) checkTypes(member, { value: inner, path: join(path, name) }, unknown);
    }
  } else {
    for (const inner of placesInside(shape, { value, path })) checkTypes(inner.shape, inner, unknown);
  }
}

function checkConstraints(shapeName: string, { value, path }: Place, faults: string[]): void {
  const shape = shapeOf(shapeName);
  for (const constraint of brokenBy(shape, value)) faults.push(fault({ value, path }, constraint));
  if (shape.type === 'structure') {
    const body = value as Body;
    for (const [name, member] of Object.entries(shape.members ?? {})) {
      const inner = { value: body[name], path: join(path, name) };
      if (!isAbsent(inner.value)) checkConstraints(member, inner, faults);
      else if (shape.required?.includes(name)) faults.push(fault(inner, 'Member must not be null'));
    }
  } else if (shape.type === 'map') {
    checkMap(shape, { value, path }, faults);
  } else {
    for (const inner of placesInside(shape, { value, path })) checkConstraints(inner.shape, inner, faults);
  }
}

/** AWS names the rules of keys and of values once, not each that breaks them. */
function checkMap(shape: Shape, { value, path }: Place, faults: string[]): void {
  const entries = Object.entries(value as Body);
  const sides = [
    ['keys', shape.key, entries.map(([key]) => key)],
    ['value', shape.value, entries.map(([, inner]) => inner)],
  ] as const;
  for (const [side, name, values] of sides) {
    if (name === undefined) continue;
    const inner = shapeOf(name);
    if (inner.type === 'structure' || inner.type === 'list' || inner.type === 'map') {
      values.forEach((item, index) =>
        checkConstraints(name, { value: item, path: `${path}.${entries[index]?.[0] ?? ''}.member` }, faults),
      );
    } else if (values.some((item) => isAbsent(item) || brokenBy(inner, item).length > 0)) {
      faults.push(
        fault({ value, path }, `Map ${side} must satisfy constraint: [${rulesOf(inner).join(', ')}]`),
      );
    }
  }
}

function* placesInside(shape: Shape, { value, path }: Place): Generator<Place & { shape: string }> {
  if (shape.type === 'list' && shape.member !== undefined) {
    for (const [index, item] of (value as unknown[]).entries())
      yield { shape: shape.member, value: item, path: `${path}.${index + 1}.member` };
  }
  if (shape.type === 'map' && shape.value !== undefined) {
    for (const [key, item] of Object.entries(value as Body))
      yield { shape: shape.value, value: item, path: `${path}.${key}.member` };
  }
}

const fault = ({ value, path }: Place, constraint: string) =>
  `Value ${isAbsent(value) ? 'null' : `'${wordOf(value)}'`} at '${path}' failed to satisfy constraint: ${constraint}`;

function join(path: string, name: string): string {
  const lower = name.charAt(0).toLowerCase() + name.slice(1);
  return path === '' ? lower : `${path}.${lower}`;
}

/** What is measured by `min` and `max`: characters, entries, or the number itself. */
function sizeOf({ type }: Shape, value: unknown): number | undefined {
  if (type === 'string') return (value as string).length;
  if (type === 'list') return (value as unknown[]).length;
  if (type === 'map') return Object.keys(value as Body).length;
  if (type === 'structure' || type === 'boolean' || type === 'timestamp' || type === 'blob') return undefined;
  return value as number;
}

/** The rules that a value breaks, in AWS's words. */
function brokenBy(shape: Shape, value: unknown): string[] {
  const size = sizeOf(shape, value);
  const { min, max, pattern } = shape;
  const broken: string[] = [];
  if (size !== undefined && max !== undefined && size > max) broken.push(mostRule(shape, max));
  if (size !== undefined && min !== undefined && size < min) broken.push(leastRule(shape, min));
  if (shape.enum && !shape.enum.includes(value as string)) broken.push(enumRule(shape.enum));
  if (pattern !== undefined && !patternOf(pattern).test(value as string)) broken.push(patternRule(pattern));
  return broken;
}

function rulesOf(shape: Shape): string[] {
  const { min, max, pattern } = shape;
  return [
    ...(max === undefined ? [] : [mostRule(shape, max)]),
    ...(min === undefined ? [] : [leastRule(shape, min)]),
    ...(shape.enum ? [enumRule(shape.enum)] : []),
    ...(pattern === undefined ? [] : [patternRule(pattern)]),
  ];
}

const measure = ({ type }: Shape) =>
  type === 'string' || type === 'list' || type === 'map' ? 'length' : 'value';
const mostRule = (shape: Shape, max: number) =>
  `Member must have ${measure(shape)} less than or equal to ${max}`;
const leastRule = (shape: Shape, min: number) =>
  `Member must have ${measure(shape)} greater than or equal to ${min}`;
const enumRule = (values: readonly string[]) => `Member must satisfy enum value set: [${values.join(', ')}]`;
const patternRule = (pattern: string) => `Member must satisfy regular expression pattern: ${pattern}`;
