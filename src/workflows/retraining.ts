import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  defineQuery,
  defineSignal,
  executeChild,
  isCancellation,
  log,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { SluiceError } from '../core/errors.ts';
import {
  begin,
  end,
  parseRetrainRequest,
  parseRetrainingState,
  putBack,
  quietUntil,
  receive,
  retrainSignal,
  waitMs,
  type RetrainingState,
} from '../core/retraining.ts';
import { statusQuery, type RunReport } from '../core/run.ts';
import { verdict } from './failures.ts';
import { isRenewalDue, renewIfDue } from './renewal.ts';
import { trainingPipeline } from './training-pipeline.ts';

const retrain = defineSignal<[unknown]>(retrainSignal);
/** How often it is looked whether a run that nobody waits for has ended. */
const openRunLookMs = 20_000;
const status = defineQuery<RetrainingState>(statusQuery);

/**
 * Started by the first request (signal-with-start) and alive until the interval after its last run has passed: so long it
 * knows which events are the same. One run is open at most.
 */
export async function retraining(earlier?: unknown): Promise<RetrainingState> {
  const state = stateOf(earlier);
  setHandler(status, () => state, { description: 'What runs, what waits, what has run.' });
  setHandler(retrain, (request) => take(state, request), { description: 'Asks for a run, with a reason.' });
  while (!isOver(state)) {
    // Before a run: it ends on the version that its parent is on when it begins.
    await renewIfDue<typeof retraining>(state);
    if (await isTimeToRun(state)) await run(state);
  }
  if (state.runs.length === 0 && state.refused !== null)
    throw verdict(new SluiceError('InvalidInput', state.refused));
  return state;
}

function stateOf(earlier: unknown): RetrainingState {
  try {
    return parseRetrainingState(earlier);
  } catch (error) {
    throw error instanceof SluiceError ? verdict(error) : error;
  }
}

/** A signal cannot be refused, and an error in its handler would hold up the workflow for ever. */
function take(state: RetrainingState, request: unknown): void {
  try {
    receive(state, parseRetrainRequest(request), Date.now());
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    log.warn('a request to retrain is refused', { reason: error.message });
    state.refused = error.message;
  }
}

/** When nothing waits and what has run is no longer the same event as what may come. */
const isOver = (state: RetrainingState) => state.waiting === null && quietUntil(state) <= Date.now();

/** Else it waits for what changes that: a request, the end of an interval, or so many requests that the history is full. */
async function isTimeToRun(state: RetrainingState): Promise<boolean> {
  const { waiting } = state;
  const left = waiting === null ? quietUntil(state) - Date.now() : waitMs(state, Date.now());
  if (left <= 0) return waiting !== null;
  await condition(() => state.waiting !== waiting || isRenewalDue(), left);
  return false;
}

/** The runs of one collector have one id, so the server sees to it that one is open at most, whatever this workflow knows of. */
async function run(state: RetrainingState): Promise<void> {
  const startedAt = Date.now();
  const { lastStart } = state;
  const next = begin(state, startedAt);
  if (next === null) return;
  const { reasons, run: input } = next;
  const workflowId = `${workflowInfo().workflowId}-run`;
  log.info('retraining', { workflowId, reasons });
  try {
    const outcome = await outcomeOf(() =>
      executeChild(trainingPipeline, {
        workflowId,
        args: [input],
        staticSummary: reasons.join(', ').slice(0, 150),
        memo: { reasons },
        // Whoever terminates the collector means no run.
        parentClosePolicy: 'ABANDON',
      }),
    );
    end(state, { workflowId, reasons, startedAt, outcome });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // Of a collector that was terminated.
    log.warn('a run is open already', { workflowId, reasons });
    putBack(state, next, lastStart);
    await sleep(openRunLookMs);
  }
}

async function outcomeOf(work: () => Promise<RunReport>): Promise<string> {
  try {
    return (await work()).outcome;
  } catch (error) {
    // Somebody cancelled this workflow, not only its run.
    if (CancellationScope.current().consideredCancelled) throw error;
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw error;
    const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
    if (cause instanceof ApplicationFailure && cause.type === 'QualityGateRejected') return 'rejected';
    return isCancellation(error) ? 'canceled' : 'failed';
  }
}
