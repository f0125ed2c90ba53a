import { seconds, timed } from './measure.js';
import { openStand, sleep, until } from './sagemaker-stand.js';

const count = 50;

/** A deployment: the worker is stopped while it watches jobs, and the next one takes them over. */
export async function workerStop() {
  const stand = await openStand({ creations: count });
  const jobsOf = (since, accepts) =>
    new Set(
      stand.emulator.ledger
        .since()
        .filter((entry) => entry.event === 'request' && entry.realTime >= since && accepts(entry))
        .map(({ name }) => name),
    );
  try {
    await stand.start(count);
    const isMade = ({ operation, committed }) => operation === 'CreateTrainingJob' && committed;
    const isLooked = ({ operation }) => operation === 'DescribeTrainingJob';
    await until(() => jobsOf(0, isMade).size === count, 60);
    await sleep(5000);
    const stopped = await timed(() => stand.stopWorker());
    await stand.startWorker();
    const from = Date.now();
    const adopted = await timed(() => until(() => jobsOf(from, isLooked).size === count, 60));
    const made = stand.emulator.ledger.since().filter(isMade).length;
    return [
      {
        figure: `a worker that watches ${count} jobs is stopped; the next one has taken up all of them`,
        aim: '≤ 5 s, ≤ 15 s',
        measured: `${seconds(stopped)}, ${seconds(adopted)}; ${made} jobs were made`,
      },
    ];
  } finally {
    await stand.close();
  }
}
