import type { Chaos } from './chaos.ts';
import type { Evidence } from './evidence.ts';
import { jobLives, requestsIn } from './job-lives.ts';
import type { PlannedRun } from './plan.ts';

interface Facts {
  seed: number;
  evidence: Evidence;
  planned: readonly PlannedRun[];
  chaos: Chaos['counts'] & { sweeps: number; resets: number };
  /** Faults of S3. */
  s3: number;
}

/** What was done to the runs and what they came to, on a few lines. */
export function summaryOf({ seed, evidence, planned, chaos, s3 }: Facts): string {
  const { runs, ledger, packages, notifications, workers } = evidence;
  const requests = requestsIn(ledger);
  const jobs = jobLives(ledger);
  const throttled = requests.filter(
    ({ error, faults }) => error?.code === 'ThrottlingException' && !faults.includes('throttle'),
  );
  const faults = { bucket: throttled.length, ...counted(requests.flatMap((one) => one.faults)), s3 };
  const ends = runs.map(({ status, code }) => code ?? status?.toLowerCase() ?? 'open');
  return [
    `seed ${seed}: ${planned.length} runs (${listed(counted(planned.map(({ sort }) => sort)))})`,
    `  came to ${listed(counted(ends))}`,
    `  ${jobs.length} jobs, ${packages.length} versions, ${notifications.length} deliveries, ${requests.length} calls`,
    `  ${workers.length} workers: ${listed(chaos)}`,
    `  faults: ${listed(faults)}`,
    '',
  ].join('\n');
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}

const listed = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([word, count]) => `${word} ${count}`)
    .join(', ');
