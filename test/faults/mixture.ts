import type { FaultInput } from '../../src/emulator/faults.ts';
import type { Entry } from '../../src/emulator/ledger.ts';
import type { Chaos } from './chaos.ts';
import { requestsIn } from './job-lives.ts';

interface Mixture {
  /** Ends of workers that the plan asks for. */
  kills: number;
  counts: Chaos['counts'];
  /** What may meet any call. */
  faults: readonly FaultInput[];
  ledger: readonly Entry[];
}

/**
 * What a plan had in it that did not happen, one line each: a suite in which nobody was killed, or a fault met nothing, has shown
 * nothing. Runs may end before the last kills come, so that half of them are enough.
 */
export function missingIn({ kills, counts, faults, ledger }: Mixture): string[] {
  const ended = counts.killed + counts.terminated;
  const met = new Set(requestsIn(ledger).flatMap((request) => request.faults));
  const kinds = new Set(faults.map(({ fault }) => fault));
  return [
    ...(ended < kills / 2 ? [`of ${kills} kills there were ${ended}`] : []),
    ...(kills > 0 && counts.killed === 0 ? ['no worker was ended by SIGKILL'] : []),
    ...[...kinds].filter((kind) => !met.has(kind)).map((kind) => `no call met the fault "${kind}"`),
  ];
}
