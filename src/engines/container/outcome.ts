import { z } from 'zod';
import type { ExitRecord } from '../local/exit-record.ts';

/** What the supervisor writes when the containers are over: facts, of which {@link exitRecord} makes an ending. */
export const outcomeSchema = z.object({
  endedAt: z.string(),
  /** What brought the job to its end, if that was not the job itself. */
  cause: z.enum(['timedOut', 'stopped', 'stoppedByOthers', 'interrupted', 'unreachable']).nullable(),
  containers: z.array(
    z.object({
      name: z.string(),
      main: z.boolean(),
      status: z.enum(['exited', 'created', 'gone']),
      /** Why it could not be started. */
      error: z.string().nullable(),
      /** Whether that is because the engine does not know it, or what it needs, any more. */
      missing: z.boolean(),
      exitCode: z.number().nullable(),
      outOfMemory: z.boolean(),
      /** Whether the supervisor ended it. */
      signalled: z.boolean(),
    }),
  ),
});
export type Outcome = z.infer<typeof outcomeSchema>;
type Ended = Outcome['containers'][number];

/** The container whose end decides: the first that failed by itself, else the first main one. */
export function decisive({ containers }: Outcome): Ended | undefined {
  const mains = containers.filter(({ main }) => main);
  const failed = mains.filter((one) => !isGood(one));
  return failed.find(({ signalled }) => !signalled) ?? failed[0] ?? mains[0];
}

/** The containers that may have said why the job failed, who knows best first: a server that ended before the driver. */
export function speakers(outcome: Outcome): Ended[] {
  const container = decisive(outcome);
  if (container === undefined || isGood(container)) return [];
  const server = serverThatEnded(outcome);
  return server ? [server, container] : [container];
}

export interface Words {
  /** `/opt/ml/output/failure` of the first that wrote one. */
  failure: string | null;
  /** `/opt/ml/output/message` of a processing job. */
  message: string | null;
  messageInvalid: boolean;
}

/** How the job ended, in the words that both local engines share. */
export function exitRecord(outcome: Outcome, startedAt: string, words: Words): ExitRecord {
  const container = decisive(outcome);
  const record: ExitRecord = {
    outcome: 'exited',
    startedAt,
    endedAt: outcome.endedAt,
    exitCode: container?.exitCode ?? null,
    signal: null,
    outOfMemory: container?.outOfMemory ?? false,
    error: null,
    denied: false,
    records: null,
    ...words,
  };
  const lost = (error: string): ExitRecord => ({ ...record, outcome: 'lost', exitCode: null, error });
  if (outcome.cause === 'timedOut') return { ...record, outcome: 'timedOut' };
  if (outcome.cause === 'stopped' || outcome.cause === 'stoppedByOthers')
    return { ...record, outcome: 'stopped' };
  if (outcome.cause === 'interrupted')
    return lost('the container engine stopped while it ran, or nobody saw whether it ended by itself');
  if (outcome.cause === 'unreachable') return lost('the container engine did not answer any more');
  if (container === undefined || container.status === 'gone')
    return lost('its container was removed while it ran');
  const notStarted = outcome.containers.find(({ error }) => error !== null);
  if (notStarted?.missing) return lost(`it could not be started: ${notStarted.error}`);
  if (notStarted) return { ...record, outcome: 'startFailed', error: notStarted.error };
  if (container.status === 'created') return lost('its container was never started');
  const server = isGood(container) ? undefined : serverThatEnded(outcome);
  if (server) return { ...record, ...serverFailure(server, words.failure) };
  const hosts = outcome.containers.filter(({ main }) => main).length;
  return hosts > 1 && !isGood(container) ? { ...record, failure: ofHost(container, words.failure) } : record;
}

const isGood = ({ status, exitCode }: Ended) => status === 'exited' && exitCode === 0;

/** A server has to be there until the driver is done. */
function serverThatEnded({ containers }: Outcome): Ended | undefined {
  return containers.find(({ main, signalled, status }) => !main && !signalled && status !== 'created');
}

function serverFailure(
  server: Ended,
  failure: string | null,
): Pick<ExitRecord, 'failure' | 'exitCode' | 'outOfMemory'> {
  const how = server.status === 'gone' ? 'was removed' : `ended with exit code ${server.exitCode ?? '?'}`;
  const said = `The server ${how} before the transform was done. See the log.`;
  return {
    failure: failure === null ? said : `${said} ${failure}`,
    exitCode: server.exitCode === 0 || server.exitCode === null ? 1 : server.exitCode,
    outOfMemory: server.outOfMemory,
  };
}

function ofHost({ name }: Ended, failure: string | null): string {
  const host = /\.(algo-\d+)$/.exec(name)?.[1] ?? 'algo-1';
  return `${host}: ${failure ?? 'failed, and the others were stopped'}`;
}
