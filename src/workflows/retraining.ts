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
import { isoSeconds } from '../core/format-time.ts';
import {
  begin,
  end,
  newRetrainingState,
  parseRetrainRequest,
  quietUntil,
  receive,
  retrainSignal,
  waitMs,
  type Retraining,
  type RetrainingState,
} from '../core/retraining.ts';
import { statusQuery, type RunReport } from '../core/run.ts';
import { verdict } from './failures.ts';
import { renewIfDue } from './renewal.ts';
import { trainingPipeline } from './training-pipeline.ts';

const retrain = defineSignal<[unknown]>(retrainSignal);
const status = defineQuery<RetrainingState>(statusQuery);

/**
 * Started by the first request (signal-with-start) and alive until the interval after its last run has passed: so long it
 * knows which events are the same. One run is open at most.
 */
export async function retraining(earlier?: RetrainingState): Promise<RetrainingState> {
  const state = earlier ?? newRetrainingState();
  setHandler(status, () => state, { description: 'What runs, what waits, what has run.' });
  setHandler(retrain, (request) => take(state, request), { description: 'Asks for a run, with a reason.' });
  while (await hasWork(state)) {
    await sleepIfAny(waitMs(state, Date.now()));
    // Before a run: it ends on the version that its parent is on when it begins.
    await renewIfDue<typeof retraining>(state);
    const next = begin(state, Date.now());
    if (next !== null) await run(state, next);
  }
  if (state.runs.length === 0 && state.refused !== null)
    throw verdict(new SluiceError('InvalidInput', state.refused));
  return state;
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

/** False when nothing waits and what has run is no longer the same event as what may come. */
async function hasWork(state: RetrainingState): Promise<boolean> {
  const quiet = quietUntil(state) - Date.now();
  return quiet <= 0 ? state.waiting !== null : condition(() => state.waiting !== null, quiet);
}

async function sleepIfAny(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await sleep(milliseconds);
}

async function run(state: RetrainingState, { reasons, run: input }: Retraining): Promise<void> {
  const startedAt = Date.now();
  const workflowId = `${workflowInfo().workflowId}-${isoSeconds(new Date(startedAt))}`;
  log.info('retraining', { workflowId, reasons });
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
}

async function outcomeOf(work: () => Promise<RunReport>): Promise<string> {
  try {
    return (await work()).outcome;
  } catch (error) {
    // Somebody cancelled this workflow, not only its run.
    if (CancellationScope.current().consideredCancelled) throw error;
    const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
    if (cause instanceof ApplicationFailure && cause.type === 'QualityGateRejected') return 'rejected';
    return isCancellation(error) ? 'canceled' : 'failed';
  }
}
