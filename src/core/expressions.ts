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

const reference = /^(Parameters|Execution)\.(.+)$/;

/**
 * Replaces SageMaker's pipeline expressions in any JSON value: `{"Get":"Parameters.x"}`, `{"Get":"Execution.StartDateTime"}` and
 * `{"Std:Join":{"On":"/","Values":[…]}}` (schema version 2020-12-01), and ours, `{"Sluice:FormatTime":{"Time":…,"Format":"%Y/%m/%d"}}`,
 * since SageMaker has none for dates. All problems are collected, none is
 * thrown. The value must not be nested deeper than `refuseHostileShape` lets pass.
 */
export function resolveExpressions(value: Json, scope: Scope, at = ''): Resolved {
  const problems: Problem[] = [];
  const used = new Set<string>();
  const unresolved = new Set<string>();

  const resolve = (node: Json, path: string): Json => {
    if (Array.isArray(node)) return node.map((item, index) => resolve(item, childPath(path, index)));
    if (node === null || typeof node !== 'object') return node;
    const keys = Object.keys(node);
    if (keys.length === 1 && keys[0] === 'Get') return valueAt(path, get(node.Get ?? null, path));
    if (keys.length === 1 && keys[0] === 'Std:Join') {
      return valueAt(path, join(node['Std:Join'] ?? null, path));
    }
    if (keys.length === 1 && keys[0] === 'Sluice:FormatTime') {
      return valueAt(path, format(node['Sluice:FormatTime'] ?? null, path));
    }
    return Object.fromEntries(
      Object.entries(node).map(([key, item]) => [key, resolve(item, childPath(path, key))]),
    );
  };

  const valueAt = (path: string, value: Json): Json => {
    if (value === null) unresolved.add(path);
    return value;
  };

  const problem = (path: string, message: string) => {
    problems.push({ path, message });
    return null;
  };

  const get = (target: Json, path: string): Json => {
    const [, space, name = ''] = (typeof target === 'string' ? reference.exec(target) : null) ?? [];
    if (space === 'Parameters') return parameter(name, path);
    if (space === 'Execution') return variable(name, path);
    return problem(
      path,
      `{"Get": ${excerpt(target)}} is not known: only "Parameters.<name>" and "Execution.<name>" are`,
    );
  };

  const parameter = (name: string, path: string): Json => {
    used.add(name);
    if (!scope.declared.has(name)) {
      const declared = listed(scope.declared);
      problem(path, `refers to parameter ${quote(name)}, which is not declared (declared: ${declared})`);
    }
    return scope.values.get(name) ?? null;
  };

  const variable = (name: string, path: string): Json => {
    const value = scope.execution.get(name);
    if (value !== undefined) return value;
    return (executionVariables as readonly string[]).includes(name)
      ? problem(path, `refers to Execution.${name}, which is not known here`)
      : problem(path, `refers to ${quote(`Execution.${name}`)}; there is ${listed(executionVariables)}`);
  };

  const format = (body: Json, path: string): Json => {
    const fields = isFormat(body) ? resolve(body as Json, path) : null;
    if (!isFormat(fields)) {
      const takes = '{"Time": …, "Format": string, "TimeZone"?: string, "AddDays"?: whole number}';
      return problem(path, `"Sluice:FormatTime" takes ${takes} and nothing else`);
    }
    const { Time, Format, TimeZone, AddDays } = fields;
    // It has been complained of already.
    if ([Time, Format, TimeZone, AddDays].includes(null)) return null;
    const options = {
      format: String(Format),
      timeZone: TimeZone as string | undefined,
      addDays: AddDays as number,
    };
    const time = typeof Time === 'string' ? parseTime(Time) : null;
    if (time === null)
      return problem(path, `"Time" takes a time as in "2026-11-28T03:00:00Z", not ${excerpt(Time)}`);
    const wrong = problemWithFormat(options);
    return wrong === null ? formatTime(time, options) : problem(path, wrong);
  };

  const join = (body: Json, path: string): Json => {
    if (!isJoin(body))
      return problem(path, '"Std:Join" takes {"On": string, "Values": [ … ]} and nothing else');
    const values = body.Values.map((item, index) => resolve(item, `${childPath(path, 'Values')}[${index}]`));
    if (body.Values.includes(null) || values.some((item) => item !== null && typeof item === 'object')) {
      return problem(path, '"Std:Join" joins strings, numbers and booleans only');
    }
    return values.includes(null) ? null : values.map(String).join(body.On);
  };

  return { value: resolve(value, at), problems, used, unresolved };
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

interface FormatBody {
  [key: string]: Json | undefined;
  Time: Json;
  Format: Json;
  TimeZone?: Json;
  AddDays?: Json;
}

/** Before and after its own expressions are resolved. */
function isFormat(body: Json): body is FormatBody & { [key: string]: Json } {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return false;
  const { Time, Format, TimeZone = '', AddDays = 0, ...others } = body;
  const isText = (value: Json | undefined) => typeof value === 'string' || isExpression(value);
  const isCount = (value: Json) =>
    (Number.isInteger(value) && Math.abs(value as number) <= 36_600) || isExpression(value);
  return (
    Object.keys(others).length === 0 && isText(Time) && isText(Format) && isText(TimeZone) && isCount(AddDays)
  );
}

/** Or what is left of one without a value. */
const isExpression = (value: Json | undefined) => typeof value === 'object' && !Array.isArray(value);
