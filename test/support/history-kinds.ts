import type { RunReport } from '../../src/core/run.ts';
import type { RecordedEvent, RecordedHistory } from './histories.ts';

/** What a recorded history is told by. */
interface Facts {
  workflow: string;
  /** How it was closed, in Temporal's words; null while it is open. */
  closed: string | null;
  /** Of a run that completed. */
  outcome: string | null;
  /** The code of a run that failed. */
  code: string | null;
  /** Ids of the activities, in the order of their schedule. */
  activities: string[];
  /** The last attempt of each activity that began. */
  attempts: Record<string, number>;
  /** Types of the other events. */
  has(eventType: string): boolean;
}

type Is = (facts: Facts) => boolean;

const ofRun =
  (is: Is): Is =>
  (facts) =>
    facts.workflow === 'trainingPipeline' && is(facts);
const accepted = (is: Is = () => true) =>
  ofRun((facts) => facts.outcome === 'accepted' && facts.activities.includes('register') && is(facts));
const failed = (code: string, is: Is = () => true) =>
  ofRun((facts) => facts.closed === 'FAILED' && facts.code === code && is(facts));
const ran =
  (id: string): Is =>
  ({ activities }) =>
    activities.includes(id);

/** Every kind of run there is a history of, and how it is known. */
export const kinds = {
  accepted: accepted((facts) =>
    ['load', 'transform', 'previous-outcome', 'notify'].every((id) => ran(id)(facts)),
  ),
  'targets-checked': accepted(ran('check-targets')),
  rejected: failed('QualityGateRejected', ran('notify')),
  'rejected-completed': ofRun(({ outcome }) => outcome === 'rejected'),
  undecidable: failed('QualityGateUndecidable'),
  failed: failed('JobFailed', ran('train')),
  unprepared: failed('InvalidInput', (facts) => ran('prepare')(facts) && !ran('preprocess')(facts)),
  'wrong-input': failed('InvalidInput', ({ activities }) => activities.length === 0),
  canceled: ofRun(({ closed, activities }) => closed === 'CANCELED' && activities.includes('train')),
  'canceled-without-worker': ofRun(
    ({ closed, has }) => closed === 'CANCELED' && has('ACTIVITY_TASK_TIMED_OUT'),
  ),
  terminated: ofRun(({ closed }) => closed === 'TERMINATED'),
  open: ofRun(({ closed, activities }) => closed === null && activities.includes('train')),
  adopted: accepted(({ attempts }) => (attempts.train ?? 0) > 1),
  reset: accepted(({ has }) => has('WORKFLOW_TASK_FAILED')),
  scheduled: accepted(),
  sagemaker: accepted(),
  retried: accepted(({ activities, has }) => activities.includes('train-2') && has('TIMER_FIRED')),
  'mixed-modes': accepted(),
  capped: accepted(({ activities, has }) => activities.includes('train-instances') && has('TIMER_STARTED')),
  'capped-canceled': ofRun(
    ({ closed, activities }) =>
      closed === 'CANCELED' && activities.includes('train-instances') && !activities.includes('train'),
  ),
  'instance-slots': ({ workflow, closed, activities }) =>
    workflow === 'instanceSlots' &&
    closed === 'COMPLETED' &&
    activities.includes('find-closed-runs') &&
    activities.some((id) => id.startsWith('stop-')),
  retraining: ({ workflow, closed, has }) =>
    workflow === 'retraining' && closed === 'COMPLETED' && has('CHILD_WORKFLOW_EXECUTION_COMPLETED'),
  'retraining-canceled': ({ workflow, closed, has }) =>
    workflow === 'retraining' && closed === 'CANCELED' && has('CHILD_WORKFLOW_EXECUTION_CANCELED'),
  'retraining-blocked': ({ workflow, closed, has }) =>
    workflow === 'retraining' &&
    closed === 'COMPLETED' &&
    has('START_CHILD_WORKFLOW_EXECUTION_FAILED') &&
    has('CHILD_WORKFLOW_EXECUTION_COMPLETED'),
  sweep: ({ workflow, closed }) => workflow === 'sweep' && closed === 'COMPLETED',
} satisfies Record<string, Is>;

export type Kind = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as Kind[];

/** Whether a history is what it is called. */
export const isOfKind = (kind: Kind, history: RecordedHistory) => kinds[kind](factsOf(history));

const typeOf = ({ eventType }: RecordedEvent) => eventType.replace('EVENT_TYPE_', '');

interface Attributes {
  workflowType: { name: string };
  activityType: { name: string };
  activityId: string;
  scheduledEventId: string;
  attempt: number;
  result?: { payloads: { data: string }[] };
  failure?: { applicationFailureInfo?: { type: string } };
}

/** What the events of a type tell. */
export function attributesOf(
  { events }: RecordedHistory,
  type: string,
): (Partial<Attributes> & { eventId: string })[] {
  return events
    .filter((event) => typeOf(event) === type)
    .map((event) => {
      const key = Object.keys(event).find((name) => name.endsWith('Attributes')) ?? '';
      return { eventId: event.eventId, ...(event[key] as Partial<Attributes> | undefined) };
    });
}

function factsOf(history: RecordedHistory): Facts {
  const all = (type: string) => attributesOf(history, type);
  const scheduled = new Map(
    all('ACTIVITY_TASK_SCHEDULED').map(({ eventId, activityId = '' }) => [eventId, activityId]),
  );
  const last = history.events.at(-1);
  const closed =
    last && /^WORKFLOW_EXECUTION_(COMPLETED|FAILED|CANCELED|TERMINATED)$/.exec(typeOf(last))?.[1];
  const payload = all('WORKFLOW_EXECUTION_COMPLETED')[0]?.result?.payloads[0]?.data;
  const result = payload && (JSON.parse(Buffer.from(payload, 'base64').toString()) as Partial<RunReport>);
  return {
    workflow: all('WORKFLOW_EXECUTION_STARTED')[0]?.workflowType?.name ?? '',
    closed: closed ?? null,
    outcome: (result && result.outcome) ?? null,
    code: all('WORKFLOW_EXECUTION_FAILED')[0]?.failure?.applicationFailureInfo?.type ?? null,
    activities: [...scheduled.values()],
    attempts: Object.fromEntries(
      all('ACTIVITY_TASK_STARTED').map(({ scheduledEventId = '', attempt = 1 }) => [
        scheduled.get(scheduledEventId),
        attempt,
      ]),
    ),
    has: (type) => all(type).length > 0,
  };
}
