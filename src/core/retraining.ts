import { z } from 'zod';
import { text } from './fields.ts';
import { parseWith, refuseHostileShape } from './problems.ts';
import { runInput } from './run-input.ts';

/** Retraining by events: one workflow for each pipeline collects what asks for it, so that an alarm that flaps starts one run. */
export const retrainingType = 'retraining';
export const retrainSignal = 'retrain';

const request = z.strictObject({
  reason: text(200).describe('Why: "drift of length", "data of 2026-11-28".'),
  key: text(200).optional().describe('What is one and the same event. Default: the reason.'),
  minimumIntervalSeconds: z
    .number()
    .min(0)
    .max(31 * 86_400)
    .default(3600)
    .describe('From the start of one run to the start of the next.'),
  run: runInput.describe('What the run is started with.'),
});
export type RetrainRequest = z.infer<typeof request>;

/** @throws SluiceError `InvalidInput`. */
export function parseRetrainRequest(input: unknown): RetrainRequest {
  const what = 'The request to retrain';
  refuseHostileShape(what, input);
  return parseWith(what, request, input);
}

/** One run for one request or several. */
export interface Retraining {
  reasons: string[];
  keys: string[];
  minimumIntervalMs: number;
  run: RetrainRequest['run'];
}

export interface RetrainingRun {
  workflowId: string;
  reasons: string[];
  /** Milliseconds of workflow time. */
  startedAt: number;
  outcome: string;
}

/** All that a retraining workflow knows; it goes from one run of it to the next. */
export interface RetrainingState {
  /** What waits for an open run to end, or for the interval to pass. */
  waiting: Retraining | null;
  open: Retraining | null;
  /** When the last run was started, in milliseconds of workflow time. */
  lastStart: number | null;
  /** What has been run, and until when it is the same event. */
  recent: { key: string; until: number }[];
  /** The last twenty. */
  runs: RetrainingRun[];
  /** Requests that were one with another. */
  duplicates: number;
  /** What was wrong with the last bad request. */
  refused: string | null;
}

export const newRetrainingState = (): RetrainingState => ({
  waiting: null,
  open: null,
  lastStart: null,
  recent: [],
  runs: [],
  duplicates: 0,
  refused: null,
});

/** Takes a request up: it waits, joins what waits, or is the same event as one that waits, runs or has just run. */
export function receive(state: RetrainingState, asked: RetrainRequest, now: number): void {
  const { reason, key = reason, minimumIntervalSeconds, run } = asked;
  const recent = state.recent.filter(({ until }) => now < until).map((event) => event.key);
  const known = [...(state.waiting?.keys ?? []), ...(state.open?.keys ?? []), ...recent];
  if (known.includes(key)) {
    state.duplicates += 1;
    return;
  }
  state.waiting = {
    reasons: [...(state.waiting?.reasons ?? []), reason].slice(-20),
    keys: [...(state.waiting?.keys ?? []), key].slice(-200),
    minimumIntervalMs: minimumIntervalSeconds * 1000,
    run,
  };
}

/** How long what waits has to wait still. */
export const waitMs = ({ lastStart, waiting }: RetrainingState, now: number) =>
  lastStart === null || waiting === null ? 0 : Math.max(0, lastStart + waiting.minimumIntervalMs - now);

/** Until when something may come that is the same event as what has been run; 0 if there is none. */
export const quietUntil = ({ recent }: RetrainingState) => Math.max(0, ...recent.map(({ until }) => until));

/** What waited runs from now on. */
export function begin(state: RetrainingState, now: number): Retraining | null {
  const { waiting } = state;
  if (waiting === null) return null;
  state.open = waiting;
  state.lastStart = now;
  const until = now + waiting.minimumIntervalMs;
  state.recent = [
    ...state.recent.filter((event) => now < event.until),
    ...waiting.keys.map((key) => ({ key, until })),
  ].slice(-1000);
  state.waiting = null;
  return waiting;
}

export function end(state: RetrainingState, run: RetrainingRun): void {
  state.open = null;
  state.runs = [...state.runs, run].slice(-20);
}
