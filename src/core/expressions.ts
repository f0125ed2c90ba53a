import { executionVariables } from './execution.ts';
import { formatTime, parseTime, problemWithFormat } from './format-time.ts';
import { childPath, type Problem } from './problems.ts';
import { excerpt, listed, quote } from './wording.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Scalar = string | number | boolean;

/** What `{"Get": …}` can reach. */
export interface Scope {
  declared: ReadonlySet<string>;
  /** A declared parameter without a value has been complained of already; here it becomes null. */
  values: ReadonlyMap<string, Scalar>;
  /** What `Execution.<name>` names. */
  execution: ReadonlyMap<string, string>;
}

export interface Resolved {
  value: Json;
  problems: Problem[];
  /** Names of the parameters that something referred to. */
  used: Set<string>;
  /** Paths of the expressions that have no value; null stands in their place. */
  unresolved: Set<string>;
}

/** Where the work writes what it finds. */
interface Resolving extends Omit<Resolved, 'value'> {
  scope: Scope;
}

const reference = /^(Parameters|Execution)\.(.+)$/;

const expressions: Readonly<Record<string, (body: Json, path: string, resolving: Resolving) => Json>> = {
  Get: get,
  'Std:Join': join,
  'Sluice:FormatTime': format,
};

/**
 * Replaces SageMaker's pipeline expressions in any JSON value: `{"Get":"Parameters.x"}`, `{"Get":"Execution.StartDateTime"}` and
 * `{"Std:Join":{"On":"/","Values":[…]}}` (schema version 2020-12-01), and ours, `{"Sluice:FormatTime":{"Time":…,"Format":"%Y/%m/%d"}}`,
 * since SageMaker has none for dates. All problems are collected, none is thrown. The value must not be nested deeper than
 * `refuseHostileShape` lets pass.
 */
export function resolveExpressions(value: Json, scope: Scope, at = ''): Resolved {
  const resolving: Resolving = { scope, problems: [], used: new Set(), unresolved: new Set() };
  const resolved = resolve(value, at, resolving);
  const { problems, used, unresolved } = resolving;
  return { value: resolved, problems, used, unresolved };
}

function resolve(node: Json, path: string, resolving: Resolving): Json {
  if (Array.isArray(node)) return node.map((item, index) => resolve(item, childPath(path, index), resolving));
  if (node === null || typeof node !== 'object') return node;
  const fields = Object.entries(node);
  const [[key, body] = ['', null]] = fields;
  const expression = fields.length === 1 && Object.hasOwn(expressions, key) ? expressions[key] : undefined;
  if (expression === undefined)
    return Object.fromEntries(
      fields.map(([name, item]) => [name, resolve(item, childPath(path, name), resolving)]),
    );
  const value = expression(body, path, resolving);
  if (value === null) resolving.unresolved.add(path);
  return value;
}

function problem({ problems }: Resolving, path: string, message: string): null {
  problems.push({ path, message });
  return null;
}

function get(target: Json, path: string, resolving: Resolving): Json {
  const [, space, name = ''] = (typeof target === 'string' ? reference.exec(target) : null) ?? [];
  if (space === 'Parameters') return parameter(name, path, resolving);
  if (space === 'Execution') return variable(name, path, resolving);
  return problem(
    resolving,
    path,
    `{"Get": ${excerpt(target)}} is not known: only "Parameters.<name>" and "Execution.<name>" are`,
  );
}

function parameter(name: string, path: string, resolving: Resolving): Json {
  const { scope, used } = resolving;
  used.add(name);
  if (!scope.declared.has(name)) {
    const declared = listed(scope.declared);
    problem(
      resolving,
      path,
      `refers to parameter ${quote(name)}, which is not declared (declared: ${declared})`,
    );
  }
  return scope.values.get(name) ?? null;
}

function variable(name: string, path: string, resolving: Resolving): Json {
  const value = resolving.scope.execution.get(name);
  if (value !== undefined) return value;
  const message = (executionVariables as readonly string[]).includes(name)
    ? `refers to Execution.${name}, which is not known here`
    : `refers to ${quote(`Execution.${name}`)}; there is ${listed(executionVariables)}`;
  return problem(resolving, path, message);
}

function format(body: Json, path: string, resolving: Resolving): Json {
  const fields = mayBeFormat(body) ? resolve(body, path, resolving) : null;
  if (!isFormat(fields)) {
    const takes = '{"Time": …, "Format": string, "TimeZone"?: string, "AddDays"?: whole number}';
    return problem(resolving, path, `"Sluice:FormatTime" takes ${takes} and nothing else`);
  }
  const { Time, Format, TimeZone, AddDays } = fields;
  // It has been complained of already.
  if ([Time, Format, TimeZone, AddDays].includes(null)) return null;
  const time = Time === null ? null : parseTime(Time);
  if (time === null)
    return problem(resolving, path, `"Time" takes a time as in "2026-11-28T03:00:00Z", not ${excerpt(Time)}`);
  const options = {
    format: Format ?? '',
    timeZone: TimeZone ?? undefined,
    addDays: AddDays ?? undefined,
  };
  const wrong = problemWithFormat(options);
  return wrong === null ? formatTime(time, options) : problem(resolving, path, wrong);
}

function join(body: Json, path: string, resolving: Resolving): Json {
  if (!isJoin(body))
    return problem(resolving, path, '"Std:Join" takes {"On": string, "Values": [ … ]} and nothing else');
  const values = body.Values.map((item, index) =>
    resolve(item, `${childPath(path, 'Values')}[${index}]`, resolving),
  );
  if (body.Values.includes(null) || values.some((item) => item !== null && typeof item === 'object'))
    return problem(resolving, path, '"Std:Join" joins strings, numbers and booleans only');
  return values.includes(null) ? null : values.map(String).join(body.On);
}

function isJoin(body: Json): body is { On: string; Values: Json[] } {
  return (
    body !== null &&
    typeof body === 'object' &&
    !Array.isArray(body) &&
    Object.keys(body).length === 2 &&
    typeof body.On === 'string' &&
    Array.isArray(body.Values)
  );
}

/** A value that is null here has been complained of already. */
interface FormatFields {
  Time: string | null;
  Format: string | null;
  TimeZone?: string | null;
  AddDays?: number | null;
}

/** Before its own expressions are resolved. */
function mayBeFormat(body: Json): boolean {
  return (
    body !== null &&
    typeof body === 'object' &&
    !Array.isArray(body) &&
    !Object.values(body).includes(null) &&
    Object.keys(body).every((name) => ['Time', 'Format', 'TimeZone', 'AddDays'].includes(name))
  );
}

function isFormat(fields: Json): fields is FormatFields & Record<string, Json> {
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) return false;
  const { Time, Format, TimeZone = null, AddDays = null } = fields;
  const isText = (value: Json | undefined) => value === null || typeof value === 'string';
  const isCount =
    AddDays === null ||
    (typeof AddDays === 'number' && Number.isInteger(AddDays) && Math.abs(AddDays) <= 36_600);
  return isText(Time) && isText(Format) && isText(TimeZone) && isCount;
}
