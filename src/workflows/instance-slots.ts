import {
  condition,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import {
  grant,
  isIdle,
  parseClaim,
  release,
  request,
  slotSignals,
  slotsTable,
  type Claim,
  type SlotsState,
} from '../core/instance-slots.ts';
import { statusQuery } from '../core/run.ts';
import { longActivities, shortActivities } from './proxies.ts';
import { renewIfDue } from './renewal.ts';

const requested = defineSignal<[unknown]>(slotSignals.request);
const released = defineSignal<[unknown]>(slotSignals.release);
const status = defineQuery<SlotsState>(statusQuery);

/** How often runs that hold something are looked at: at once nobody is told of a run that was terminated. */
const lookWhileSomebodyWaits = '15 seconds';
const lookOtherwise = '10 minutes';

/**
 * Keeps the slots of an instance type that is capped, and gives them to the first in line. Started by the first who asks
 * (signal-with-start), over when nobody has or wants any.
 */
export async function instanceSlots(state: SlotsState): Promise<void> {
  let news = true;
  setHandler(status, () => state, { description: 'Who uses instances, who waits for them.' });
  setHandler(requested, (input) => {
    const claim = parseClaim(input);
    if (claim === null) log.warn('a request for instances is none', { input });
    else request(state, claim, Date.now());
    news = true;
  });
  setHandler(released, (job) => {
    release(state, job);
    news = true;
  });
  const ending = endsOfJobs(state, () => (news = true));
  for (;;) {
    const patience = state.waiting.length > 0 ? lookWhileSomebodyWaits : lookOtherwise;
    if (!(await condition(() => news, patience))) await ending.look();
    news = false;
    await tellWhoMay(state);
    setCurrentDetails(slotsTable(state));
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- a signal may have come meanwhile
    if (news) continue;
    if (isIdle(state)) return;
    if (!ending.isUnderWay()) await renewIfDue<typeof instanceSlots>(state);
  }
}

/** Whoever cannot be told is closed, and frees its slot for the next. */
async function tellWhoMay(state: SlotsState): Promise<void> {
  for (let news = grant(state, Date.now()); news.length > 0; news = grant(state, Date.now()))
    await Promise.all(
      news.map(async (holder) => {
        holder.told = true;
        const { workflowId, runId, job } = holder;
        try {
          await getExternalWorkflowHandle(workflowId, runId).signal(slotSignals.granted, job);
        } catch (error) {
          if (isCancellation(error)) throw error;
          log.info('a run that waited for instances is closed', { workflowId, job });
          release(state, job);
        }
      }),
    );
}

/** What holders that were closed behind our back (terminated, reset, timed out) have left: their jobs are stopped first. */
function endsOfJobs(state: SlotsState, onEnd: () => void) {
  const underWay = new Set<string>();

  const stop = async (holder: Claim) => {
    const { job: name, kind, session, workflowId } = holder;
    underWay.add(name);
    log.info('the run of a job that uses instances is closed', { job: name, workflowId });
    try {
      await longActivities.stopJob.executeWithOptions({ activityId: `stop-${name}`, summary: name }, [
        { engine: 'sagemaker', name, kind, session },
      ]);
      release(state, name);
    } catch (error) {
      log.warn('the job could not be stopped; its instances count until it is over', { job: name, error });
    }
    underWay.delete(name);
    onEnd();
  };

  return {
    isUnderWay: () => underWay.size > 0,

    async look(): Promise<void> {
      const holders = state.holders.filter(({ job }) => !underWay.has(job));
      if (holders.length === 0) return;
      const runs = holders.map(({ job, workflowId, runId }) => ({ job, workflowId, runId }));
      const options = { activityId: 'find-closed-runs', summary: 'do they still need their instances?' };
      try {
        const closed = await shortActivities.findClosedRuns.executeWithOptions(options, [runs]);
        for (const holder of holders) if (closed.includes(holder.job)) void stop(holder);
      } catch (error) {
        if (isCancellation(error)) throw error;
        log.warn('the runs that use instances could not be looked at', { error });
      }
    },
  };
}
