import type { Entry, RequestEntry } from '../../src/emulator/ledger.ts';

/** A job as the ledger tells of it. One that a fault took away may be made anew: that is another one. */
export interface JobLife {
  name: string;
  /** Pipeline, step and run: the same for all jobs of a run's step. */
  stepKey: string;
  /** The last state that it came into. */
  status: string;
  secondaryStatus: string;
  reason: string | null;
  /** When that was, in SageMaker's time. */
  since: string;
  /** The fault `vanish` met it. */
  isGone: boolean;
  /** Others of its step that were under way when it was made. */
  beside: readonly string[];
}

/** `<pipeline>-<step>-<run id>[-<attempt>]`. */
const jobPattern = /^(?<stepKey>.+-[0-9a-f]{32})(?:-\d)?$/;
export const compact = (runId: string) => runId.replaceAll('-', '');
export const isOver = ({ status, isGone }: JobLife) =>
  isGone || ['Completed', 'Failed', 'Stopped'].includes(status);
export const requestsIn = (ledger: readonly Entry[]) =>
  ledger.filter((entry): entry is RequestEntry => entry.event === 'request');

/** All jobs that there were, in the order of their making. */
export function jobLives(ledger: readonly Entry[]): JobLife[] {
  const lives: JobLife[] = [];
  const current = new Map<string, JobLife>();
  const begin = (name: string, since: string): JobLife => {
    const stepKey = jobPattern.exec(name)?.groups?.stepKey ?? name;
    const beside = [...current.values()].filter((other) => other.stepKey === stepKey && !isOver(other));
    const life = {
      ...{ name, stepKey, since, status: 'InProgress', secondaryStatus: 'Starting', reason: null },
      ...{ isGone: false, beside: beside.map((other) => other.name) },
    };
    current.set(name, life);
    lives.push(life);
    return life;
  };
  for (const entry of ledger) {
    if (entry.event === 'transition') {
      const { status, secondaryStatus, reason, time } = entry;
      const life = current.get(entry.name) ?? begin(entry.name, time);
      Object.assign(life, { status, secondaryStatus, reason, since: time });
    } else if (entry.event === 'request' && entry.name !== null) {
      const life = current.get(entry.name);
      if (life !== undefined && entry.faults.includes('vanish')) {
        life.isGone = true;
        current.delete(entry.name);
      } else if (/^Create.*Job$/.test(entry.operation) && entry.committed) begin(entry.name, entry.time);
    }
  }
  return lives;
}
