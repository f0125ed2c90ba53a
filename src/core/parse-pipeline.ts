import { SluiceError } from './errors.ts';
import { executionValues, noExecution, type Execution } from './execution.ts';
import { resolveExpressions, type Json, type Scope } from './expressions.ts';
import { parameterValues, parameters as parametersSchema, type Parameters } from './parameters.ts';
import { jobSteps, pipelineSchema, type ExecutionMode, type JobStep, type Pipeline } from './pipeline.ts';
import {
  check,
  childPath,
  parseWith,
  refuse,
  refuseHostileShape,
  refuseProblems,
  type Problem,
} from './problems.ts';

/** What a run may override. */
export interface Overrides {
  executionMode?: unknown;
  session?: unknown;
  parameters?: unknown;
  priority?: unknown;
  /** Instead of `condition.onRejected`. */
  onRejected?: unknown;
}

export interface ParsedPipeline {
  /** Every expression resolved, every default filled in. */
  pipeline: Pipeline;
  /** The values that this run uses. */
  parameters: Record<string, string | number | boolean>;
}

/**
 * Pipeline file → pipeline: parameters first, then expressions, then the schema. Used by the CLI and, since the Temporal
 * CLI bypasses ours, by the workflow.
 * @param what - how messages name the file.
 * @param execution - default: none, for checks of the file itself.
 * @throws SluiceError `InvalidInput` with every problem and its JSON path.
 */
export function parsePipeline(
  what: string,
  file: unknown,
  overrides: Overrides = {},
  execution: Execution = noExecution,
): ParsedPipeline {
  if (!isObject(file))
    throw new SluiceError('InvalidInput', `${what} is not valid: it must be a JSON object`);
  refuseHostileShape(what, file);
  refuseHostileShape('The parameters of the run', overrides.parameters, 'parameters');
  const { parameters: written = {} } = file;
  const declared = parseParameters(what, written);
  const { parameters: given = {} } = overrides;
  if (!isObject(given)) {
    throw new SluiceError('InvalidInput', 'The parameters of the run must be an object of names and values');
  }
  const { values, problems } = parameterValues(declared, given);

  const names = new Set(Object.keys(declared));
  const scope = { declared: names, values, execution: executionValues(execution) };
  scope.execution = executionValues(execution, pipelineName(file.name, scope));
  const resolved = resolveExpressions({ ...file, parameters: null }, scope);
  problems.push(...resolved.problems, ...unusedParameters(names, resolved.used));

  const checked = check(pipelineSchema, {
    ...override(resolved.value as Record<string, Json>, overrides),
    parameters: declared,
  });
  if (checked.isValid && problems.length === 0) {
    return { pipeline: checked.value, parameters: Object.fromEntries(values) };
  }
  // Of an expression without a value there is nothing more to say than why it has none.
  const others = checked.isValid ? [] : checked.problems;
  return refuse(what, [...problems, ...others.filter(({ path }) => !resolved.unresolved.has(path))]);
}

/** The name may be an expression itself, though not of itself. */
function pipelineName(written: unknown, scope: Scope): string | undefined {
  const { value } = resolveExpressions((written ?? null) as Json, scope);
  return typeof value === 'string' ? value : undefined;
}

/** Mode and priority as a whole, of the session each key. */
function override(
  file: Record<string, Json>,
  { executionMode, session, priority, onRejected }: Overrides,
): Record<string, unknown> {
  const { steps } = file;
  return {
    ...file,
    ...(onRejected !== undefined &&
      isObject(steps) &&
      isObject(steps.condition) && {
        steps: { ...steps, condition: { ...steps.condition, onRejected } },
      }),
    ...(executionMode !== undefined && { executionMode }),
    ...(priority !== undefined && { priority }),
    ...(session !== undefined && {
      session: isObject(session) && isObject(file.session) ? { ...file.session, ...session } : session,
    }),
  };
}

function unusedParameters(declared: ReadonlySet<string>, used: ReadonlySet<string>): Problem[] {
  return [...declared]
    .filter((name) => !used.has(name))
    .map((name) => ({
      path: childPath('parameters', name),
      message: 'is declared, but nothing refers to it',
    }));
}

function parseParameters(what: string, raw: unknown): Parameters {
  const declared = parseWith(what, parametersSchema, raw, 'parameters');
  refuseProblems(
    what,
    Object.entries(declared).flatMap(([name, declaration]) =>
      declaration.default === undefined
        ? []
        : parameterValues({ [name]: declaration }, {}).problems.map(({ message }) => ({
            path: `${childPath('parameters', name)}.default`,
            message,
          })),
    ),
  );
  return declared;
}

/** Where a step runs. */
export function stepMode(pipeline: Pipeline, step: JobStep): ExecutionMode {
  return pipeline.steps[step]?.executionMode ?? pipeline.executionMode;
}

/** Of the pipeline and of all its steps. */
export function modesOf(pipeline: Pipeline): Set<ExecutionMode> {
  const present = jobSteps.filter((step) => pipeline.steps[step] !== undefined);
  return new Set([pipeline.executionMode, ...present.map((step) => stepMode(pipeline, step))]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
