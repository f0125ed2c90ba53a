import { setTimeout as sleep } from 'node:timers/promises';
import type { RunReport } from '../../core/run.ts';
import type { Tell } from '../output.ts';
import type { Line } from '../server/patience.ts';
import type { Session } from '../server/session.ts';
import { awaitEnding, queryReport } from './ending.ts';
import { readNews, type News, type Phases } from './phases.ts';
import { hasWorker } from './workers.ts';
import { closedReport, type RunRef } from './report.ts';

const noPhases: Phases = new Map();
const pollMs = 300;
/** After so long without a first step it is worth asking whether there is a worker at all. */
const workerPatienceMs = 4000;

interface FollowOptions {
  line: Line;
  run: RunRef;
  taskQueue: string;
  show: (report: RunReport, phases: Phases) => void;
  tell: Tell;
}

/** Shows what the run tells until it is closed, and returns its last report. */
export async function followRun({ line, run, taskQueue, show, tell }: FollowOptions): Promise<RunReport> {
  let last: RunReport | null = null;
  const ending = line.patiently(({ client }) => awaitEnding(client, run));
  const ended = ending.then(
    () => 'ended' as const,
    () => 'ended' as const,
  );
  const ask = () => queryReport(line.session.client, run).catch(() => null);
  const newsOf = (report: RunReport) =>
    readNews(line.session.client, run, report).catch((): News => ({ phases: noPhases, report }));
  const begun = Date.now();
  let warned = false;
  for (;;) {
    const answer = await Promise.race([ended, ask()]);
    if (answer === 'ended') break;
    if (answer !== null) {
      last = answer;
      const news = await Promise.race([ended, newsOf(answer)]);
      if (news === 'ended') break;
      show(news.report, news.phases);
    } else if (!warned && last === null && Date.now() - begun > workerPatienceMs) {
      warned = await warnWithoutWorker(line.session, taskQueue, tell);
    }
    if ((await Promise.race([ended, sleep(pollMs)])) === 'ended') break;
  }
  const how = await ending;
  // Once more: the last change may have come with the end.
  if (how.kind !== 'completed') last = (await ask()) ?? last;
  const report = closedReport(last, how);
  show(report, noPhases);
  return report;
}

async function warnWithoutWorker(
  { client, server }: Session,
  taskQueue: string,
  tell: Tell,
): Promise<boolean> {
  if (await hasWorker(client, server.namespace, taskQueue).catch(() => true)) return false;
  tell(
    `No worker polls the queue ${taskQueue} at ${server.address}; start one with \`sluice worker\`. The run waits for it.`,
  );
  return true;
}
