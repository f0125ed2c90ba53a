import { openStand, sleep, until } from './sagemaker-stand.js';

/** The budget of `engines/sagemaker/budget.ts`. */
const budget = { perSecond: 10, burst: 10 };
/** Jobs are looked at most often in their first minutes. */
const watchedMs = 120_000;
/** What is measured here is the watching: in reality 1,000 jobs take 17 minutes to be made. */
const creations = 50;

/** What it costs one worker to watch so many jobs, in real time: memory, CPU, calls. */
export async function watchedJobs() {
  const rows = [];
  for (const count of [200, 1000]) rows.push(await measure(count));
  return rows;
}

async function measure(count) {
  const stand = await openStand({ creations });
  const ledger = () => stand.emulator.ledger.since();
  const made = () =>
    ledger().filter(({ operation, committed }) => operation === 'CreateTrainingJob' && committed).length;
  try {
    // Everything that is loaded once is loaded then.
    await stand.start(1);
    await until(() => made() === 1, 60);
    await sleep(10_000);
    const before = await stand.cost();
    await stand.start(count);
    await until(() => made() === count, 300);
    const begun = await stand.cost();
    const from = Date.now();
    await sleep(watchedMs);
    const end = await stand.cost();
    const elapsed = Date.now() - from;
    const cpu = ((end.cpuMs - begun.cpuMs) / elapsed) * 100;
    const memory = Math.max(0, end.bytes - before.bytes) / count / 1e6;
    const calls = ledger()
      .filter(
        (entry) =>
          entry.event === 'request' && entry.operation.startsWith('Describe') && entry.realTime >= from,
      )
      .map(({ realTime }) => realTime);
    return {
      figure: `${count} jobs watched by one worker`,
      aim: 'memory per job ≤ 0.5 MB, CPU ≤ 10 % of one core, no call above the budget',
      measured:
        `${memory.toFixed(2)} MB per job, ${cpu.toFixed(1)} % of one core in their first two minutes; ` +
        `${((calls.length * 1000) / elapsed).toFixed(1)} Describe calls a second, at most ${busiest(calls)} in one second ` +
        `(budget ${budget.perSecond} and ${budget.burst} at once). Other calls are not counted: jobs are made at ${creations} a second here`,
    };
  } finally {
    await stand.close();
  }
}

/** The most calls in any second. @param times - in milliseconds, ascending. */
function busiest(times) {
  let first = 0;
  let most = 0;
  for (let last = 0; last < times.length; last += 1) {
    while (times[last] - times[first] >= 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
