import { childPath, type Problem } from './problems.ts';
import { excerpt, listed, quote } from './wording.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Scalar = string | number | boolean;

/** What `{"Get": …}` can reach. */
export interface Scope {
  declared: ReadonlySet<string>;
  /** A declared parameter without a value has been complained of already; here it becomes null. */
  values: ReadonlyMap<string, Scalar>;
}

export interface Resolved {
  value: Json;
  problems: Problem[];
  /** Names of the parameters that something referred to. */
  used: Set<string>;
  /** Paths of the expressions that have no value; null stands in their place. */
  unresolved: Set<string>;
}

const parameterReference = /^Parameters\.(.+)$/;

/**
 * Replaces SageMaker's pipeline expressions in any JSON value: `{"Get":"Parameters.x"}` and
 * `{"Std:Join":{"On":"/","Values":[…]}}` (schema version 2020-12-01). All problems are collected, none is
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
    return Object.fromEntries(
      Object.entries(node).map(([key, item]) => [key, resolve(item, childPath(path, key))]),
    );
  };

  const valueAt = (path: string, value: Json): Json => {
    if (value === null) unresolved.add(path);
    return value;
  };

  const get = (target: Json, path: string): Json => {
    const name = typeof target === 'string' ? parameterReference.exec(target)?.[1] : undefined;
    if (name === undefined) {
      problems.push({
        path,
        message: `{"Get": ${excerpt(target)}} is not known: only "Parameters.<name>" is`,
      });
      return null;
    }
    used.add(name);
    if (!scope.declared.has(name)) {
      problems.push({
        path,
        message: `refers to parameter ${quote(name)}, which is not declared (declared: ${listed(scope.declared)})`,
      });
    }
    return scope.values.get(name) ?? null;
  };

  const join = (body: Json, path: string): Json => {
    if (!isJoin(body)) {
      problems.push({ path, message: '"Std:Join" takes {"On": string, "Values": [ … ]} and nothing else' });
      return null;
    }
    const values = body.Values.map((item, index) => resolve(item, `${childPath(path, 'Values')}[${index}]`));
    if (body.Values.includes(null) || values.some((item) => item !== null && typeof item === 'object')) {
      problems.push({ path, message: '"Std:Join" joins strings, numbers and booleans only' });
      return null;
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
