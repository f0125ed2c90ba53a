import { readFile, stat } from 'node:fs/promises';
import { SluiceError } from '../core/errors.ts';
import type { Json, Scalar } from '../core/expressions.ts';
import { noExecution, type Execution } from '../core/execution.ts';
import { parseTime } from '../core/format-time.ts';
import { parseJson } from '../core/json.ts';
import { parameters as parametersSchema, parseParameterText } from '../core/parameters.ts';
import { parsePipeline, type ParsedPipeline } from '../core/parse-pipeline.ts';
import { maxPipelineBytes } from '../core/pipeline.ts';
import { usageError } from './errors.ts';
import type { LocalInputs } from './local-inputs.ts';

/** A pipeline file and what was said on the command line about it. */
export interface GivenPipeline extends ParsedPipeline {
  /** As it stands in the file: what the workflow gets. */
  file: Record<string, Json>;
  overrides: {
    executionMode?: string;
    priority?: number;
    scheduledTime?: string;
    parameters: Record<string, Scalar>;
  };
}

interface Given {
  param?: readonly string[] | undefined;
  mode?: string | undefined;
  priority?: string | undefined;
  scheduledTime?: string | undefined;
}

/** Reads and checks everything that can be wrong before a server is asked. @throws SluiceError `InvalidInput`. */
export async function readPipeline(path: string, given: Given, inputs: LocalInputs): Promise<GivenPipeline> {
  const file = await readJsonFile(path);
  const declared = parametersSchema.safeParse(isObject(file) ? (file.parameters ?? {}) : {});
  const texts = parseAssignments(given.param ?? []);
  const values = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const own = declared.success && Object.hasOwn(declared.data, name) ? declared.data[name] : undefined;
      return [name, parseParameterText(own, text)];
    }),
  );
  const execution = executionFor(given.scheduledTime);
  const others = {
    ...(given.mode !== undefined && { executionMode: given.mode }),
    ...(given.priority !== undefined && { priority: Number(given.priority) }),
    ...(given.scheduledTime !== undefined && { scheduledTime: given.scheduledTime }),
  };
  // Once as it was given: nothing is uploaded for a run that can't be started.
  parsePipeline(path, file, { ...others, parameters: values }, execution);
  const overrides = { ...others, parameters: await inputs.locate(file as Record<string, Json>, values) };
  const parsed = parsePipeline(path, file, overrides, execution);
  return { file: file as Record<string, Json>, overrides, ...parsed };
}

/** Of a run that would start now. */
function executionFor(scheduledTime: string | undefined): Execution {
  const startTime = new Date();
  const scheduled = scheduledTime === undefined ? startTime : parseTime(scheduledTime);
  if (scheduled === null)
    throw usageError(
      `--scheduled-time takes a time as in 2026-11-28T03:00:00Z, not ${JSON.stringify(scheduledTime)}`,
    );
  return { ...noExecution, startTime, scheduledTime: scheduled };
}

async function readJsonFile(path: string): Promise<Json> {
  const refuse = (reason: string) => new SluiceError('InvalidInput', `${path} ${reason}`);
  const found = await stat(path).catch(() => null);
  if (found === null) throw refuse('does not exist');
  if (!found.isFile()) throw refuse('is not a file');
  if (found.size > maxPipelineBytes)
    throw refuse(`has ${found.size} bytes; a pipeline file has at most ${maxPipelineBytes}`);
  const text = await readFile(path, 'utf8');
  const parsed = parseJson(text);
  if (parsed.kind === 'json') return parsed.value;
  throw refuse(`cannot be read: ${parsed.reason}${lineAndColumn(text, parsed.reason)}`);
}

/** V8 gives the place as an offset, of which no editor knows. */
export function lineAndColumn(text: string, reason: string): string {
  if (/\(line \d+ column \d+\)/.test(reason)) return '';
  const position = positionIn(text, reason);
  if (position === undefined) return '';
  const before = text.slice(0, position).split('\n');
  return `; line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function positionIn(text: string, reason: string): number | undefined {
  if (reason.includes('Unexpected end of JSON')) return text.length;
  if (reason.includes('Unexpected token')) return unexpectedToken(text);
  const position = /in JSON at position (\d+)/.exec(reason)?.[1];
  return position === undefined ? undefined : Number(position);
}

/** V8 shows this one without its place: it is the end of the shortest beginning of the text that has it. */
function unexpectedToken(text: string): number {
  let [without, having] = [0, text.length];
  while (having - without > 1) {
    const middle = Math.floor((without + having) / 2);
    if (hasUnexpectedToken(text.slice(0, middle))) having = middle;
    else without = middle;
  }
  return without;
}

function hasUnexpectedToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return (error as Error).message.startsWith('Unexpected token');
  }
}

/** `name=value`; the value may contain `=`. */
export function parseAssignments(assignments: readonly string[]): Record<string, string> {
  const values = new Map<string, string>();
  for (const assignment of assignments) {
    const at = assignment.indexOf('=');
    if (at < 1) throw usageError(`--param takes name=value, not ${JSON.stringify(assignment)}`);
    const name = assignment.slice(0, at);
    if (values.has(name)) throw usageError(`--param ${name} is given twice`);
    values.set(name, assignment.slice(at + 1));
  }
  return Object.fromEntries(values);
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
