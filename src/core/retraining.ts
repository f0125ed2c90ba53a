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

const milliseconds = z.number().min(0);

/** One run for one request or several. */
const retrainingOf = z.strictObject({
  reasons: z.array(z.string()),
  keys: z.array(z.string()),
  minimumIntervalMs: milliseconds,
  run: runInput,
});
export type Retraining = z.infer<typeof retrainingOf>;

const retrainingRun = z.strictObject({
  workflowId: z.string(),
  reasons: z.array(z.string()),
  startedAt: milliseconds.describe('Of workflow time.'),
  outcome: z.string(),
});
export type RetrainingRun = z.infer<typeof retrainingRun>;

/** All that a retraining workflow knows; it goes from one run of it to the next, which may be of another version: a new key needs a default. */
const retrainingState = z.strictObject({
  waiting: retrainingOf
    .nullable()
    .describe('What waits for an open run to end, or for the interval to pass.'),
  open: retrainingOf.nullable(),
  lastStart: milliseconds.nullable().describe('When the last run was started, in workflow time.'),
  recent: z
    .array(z.strictObject({ key: z.string(), until: milliseconds }))
    .describe('What has been run, and until when it is the same event.'),
  runs: z.array(retrainingRun).describe('The last twenty.'),
  duplicates: z.int().min(0).describe('Requests that were one with another.'),
  refused: z.string().nullable().describe('What was wrong with the last bad request.'),
});
export type RetrainingState = z.infer<typeof retrainingState>;

/**
 * The argument of the workflow: what the run before it has handed on. Whoever starts it by hand gives none, and asks by a signal.
 * @throws SluiceError `InvalidInput`.
 */
export function parseRetrainingState(input: unknown): RetrainingState {
  const what = 'The state of retraining (a request goes into the signal "retrain", not into the input)';
  if (input === undefined) return newRetrainingState();
  refuseHostileShape(what, input);
  return parseWith(what, retrainingState, input);
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
  const asks = { reasons: [reason], keys: [key], minimumIntervalMs: minimumIntervalSeconds * 1000, run };
  state.waiting = together(state.waiting, asks);
}

/** One run for both: the later says what runs. */
function together(earlier: Retraining | null, later: Retraining): Retraining {
  if (earlier === null) return later;
  const reasons = [...earlier.reasons, ...later.reasons].slice(-20);
  return { ...later, reasons, keys: [...earlier.keys, ...later.keys].slice(-200) };
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

/** What was begun could not be started: it waits again, with what has come meanwhile. */
export function putBack(state: RetrainingState, begun: Retraining, lastStart: number | null): void {
  state.open = null;
  state.lastStart = lastStart;
  state.recent = state.recent.filter(({ key }) => !begun.keys.includes(key));
  state.waiting = state.waiting === null ? begun : together(begun, state.waiting);
}

export function end(state: RetrainingState, run: RetrainingRun): void {
  state.open = null;
  state.runs = [...state.runs, run].slice(-20);
}
