import { clientEnv, startEmulator } from '../dist/emulator/start.js';
import { median } from './measure.js';
import { openEngine, request } from './sagemaker-jobs.js';

/** An hour takes six seconds. */
const speed = 600;
const jobs = 25;
/** What an ordinary job of the emulator takes beside its run: machines, data, outputs. */
const aroundSeconds = 95;

/** How often jobs of one and of six hours are looked at, and how late their end is noticed. */
export async function describeCalls() {
  const rows = [];
  for (const hours of [1, 6]) rows.push(...(await measure(hours)));
  return rows;
}

async function measure(hours) {
  const runningSeconds = hours * 3600 - aroundSeconds;
  const { endpoint, emulator, close } = await startEmulator({
    speed,
    file: { jobs: [{ job: '*', life: { runningSeconds } }] },
  });
  Object.assign(process.env, clientEnv(endpoint));
  const engine = openEngine({ speed, creations: 100 });
  try {
    const names = Array.from({ length: jobs }, (_, index) => `bench-${index}`);
    const intervals = await Promise.all(names.map((name) => watch(engine, name)));
    const ledger = emulator.ledger.since();
    const calls = ledger.filter(({ operation }) => operation === 'DescribeTrainingJob').length;
    const late = names.map((name, index) => {
      const over = ledger.find((entry) => entry.name === name && entry.status === 'Completed');
      const seen = ledger.findLast(
        (entry) => entry.name === name && entry.operation === 'DescribeTrainingJob',
      );
      const seconds = (Date.parse(seen.time) - Date.parse(over.time)) / 1000;
      return { seconds, share: (seconds * 1000) / intervals[index] };
    });
    const what = `${hours} h job`;
    return [
      {
        figure: `Describe calls per job-hour, ${what}`,
        aim: '≤ 20',
        measured: `${(calls / jobs / hours).toFixed(1)} (${jobs} jobs, ${speed} times as fast)`,
      },
      {
        figure: `job over → step over, ${what}`,
        aim: '≤ 1 poll interval',
        measured:
          `at most ${Math.max(...late.map(({ share }) => share)).toFixed(2)} of one; ` +
          `${median(late.map(({ seconds }) => seconds)).toFixed(0)} s at the median`,
      },
    ];
  } finally {
    await close();
  }
}

/** The loop of the activity. @returns the last interval, in milliseconds of the engine's clock. */
async function watch(engine, name) {
  const ref = await engine.ensure(name, request, new AbortController().signal);
  const begun = Date.now();
  for (let interval = 0; ;) {
    const state = await engine.describe(ref);
    if (state.status === 'succeeded') return interval * speed;
    if (state.status !== 'running') throw new Error(`${name}: ${state.status}`);
    const remaining =
      state.startedAt === null
        ? undefined
        : request.local.maxRuntimeSeconds * 1000 - (Date.now() - begun) * speed;
    interval = engine.pollIntervalMs(Date.now() - begun, remaining);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}
