import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type ReplayResult,
  type WorkflowBundle,
} from '@temporalio/worker';
import { projectFolder } from '../../src/config.ts';
import type { Json } from '../../src/core/expressions.ts';
import type { Kind } from './history-kinds.ts';

type History = Parameters<typeof historyToJSON>[0];

/** A history as the Temporal CLI and the Web UI export it: protobuf's JSON. */
export interface RecordedHistory {
  events: RecordedEvent[];
}

/** Of the keys that end with `Attributes` an event has one. */
export type RecordedEvent = { eventId: string; eventType: string } & Record<string, Json>;

export const historiesFolder = fileURLToPath(new URL('../fixtures/histories/', import.meta.url));

const fileOf = (folder: string, kind: string) => join(folder, `${kind}.json`);

/** Of each kind that the folder has. */
export function readHistories(folder = historiesFolder): Map<string, RecordedHistory> {
  const kinds = readdirSync(folder).map((name) => name.replace(/\.json$/, ''));
  return new Map(
    kinds.map((kind) => [kind, JSON.parse(readFileSync(fileOf(folder, kind), 'utf8')) as RecordedHistory]),
  );
}

/** An event a line, so that what changes from one recording to the next can be read. */
export function writeHistory(folder: string, kind: Kind, { events }: RecordedHistory): void {
  mkdirSync(folder, { recursive: true });
  const lines = events.map((event) => JSON.stringify(event)).join(',\n');
  writeFileSync(fileOf(folder, kind), `{"events":[\n${lines}\n]}\n`);
}

/** What the root of the worker is called in a recorded history. */
export const neutralRoot = '/sluice';
/** The host that recorded runs are bound to. */
export const neutralHost = 'a-host';

/**
 * A history without the machine that it was made on: who took a task, where the root was, the traces of our own code. Nothing of that
 * is looked at in a replay.
 */
export function neutral(history: History, root: string): RecordedHistory {
  const rename = (text: string) => text.replaceAll(root, neutralRoot);
  const clean = (value: Json, key = ''): Json => {
    if (Array.isArray(value)) return value.map((item) => clean(item));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, clean(inner, name)]));
    if (typeof value !== 'string') return value;
    // The queue of a worker's own is called by its identity, too.
    if (value.startsWith('sluice@')) return 'worker';
    if (key === 'identity') return 'client';
    if (key === 'stackTrace') return '';
    if (key === 'data') return Buffer.from(rename(textOf(value))).toString('base64');
    return rename(value);
  };
  return clean(JSON.parse(historyToJSON(history)) as Json) as unknown as RecordedHistory;
}

const textOf = (base64: string) => Buffer.from(base64, 'base64').toString();

/** What tells of the machine that it was made on: other paths than those of every recording, its names, its processes. */
export function tracesIn(history: RecordedHistory): string[] {
  const known = new RegExp(`^(${neutralRoot}|/opt/ml|/dev/null|/hook)(/|$)`);
  const names = [hostname(), homedir(), projectFolder, userInfo().username].filter(
    (name) => name.length > 3 && !['root', neutralHost].includes(name),
  );
  return textsOf(history).flatMap((text) => [
    ...pathsIn(text).filter((path) => !known.test(path)),
    ...names.filter((name) => text.includes(name)),
    ...(/\b\d+@\S*|sluice@\S*/.exec(text) ?? []),
  ]);
}

/** Absolute paths, and those of URIs of files. */
const pathsIn = (text: string) =>
  [...text.matchAll(/(?:(?<![\w.:/}$*@+#-])|(?<=file:\/\/))\/[\w.@+-]+(?:\/[\w.@+-]+)*/g)].map(
    ([path]) => path,
  );

/** Everything in it that is text, payloads decoded. */
function textsOf(history: RecordedHistory): string[] {
  const texts: string[] = [];
  const walk = (value: Json, key = '') => {
    if (typeof value === 'string') texts.push(key === 'data' ? textOf(value) : value);
    else if (Array.isArray(value)) value.forEach((item) => walk(item));
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) walk(inner, name);
  };
  walk(history as unknown as Json);
  return texts;
}

/** Before the first replay of a file: one that comes to another end is told by its result. */
export function quietReplays(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
  });
}

/** Replays all of them, without a server. @returns the error of each by its kind; undefined where there is none. */
export async function replay(
  workflowBundle: WorkflowBundle,
  histories: ReadonlyMap<string, RecordedHistory>,
): Promise<Record<string, ReplayResult['error']>> {
  const results: Record<string, ReplayResult['error']> = {};
  // Children are called by the id of the workflow.
  const kinds = new Map([...histories].map(([kind, history]) => [workflowIdOf(history), kind]));
  const recorded = [...histories.values()].map((history) => ({ workflowId: workflowIdOf(history), history }));
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, recorded))
    results[kinds.get(workflowId) ?? workflowId] = error;
  return results;
}

function workflowIdOf({ events: [started] }: RecordedHistory): string {
  const { workflowId } = started?.workflowExecutionStartedEventAttributes as { workflowId: string };
  return workflowId;
}
