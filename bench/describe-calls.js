import { clientEnv, startEmulator } from '../dist/emulator/start.js';
import { pollIntervalMs } from '../dist/engines/sagemaker/polling.js';
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
    const seen = await Promise.all(
      names.map(async (name) => {
        await watch(engine, name);
        return emulator.clock.now();
      }),
    );
    const ledger = emulator.ledger.since();
    const calls = ledger.filter(({ operation }) => operation === 'DescribeTrainingJob').length;
    const late = names.map((name, index) => {
      const of = (is) => Date.parse(ledger.find((entry) => entry.name === name && is(entry)).time);
      const made = of(({ operation }) => operation === 'CreateTrainingJob');
      const over = of(({ status }) => status === 'Completed');
      const late = seen[index] - over;
      return { seconds: late / 1000, share: late / intervalAt(over - made) };
    });
    const what = `${hours} h job`;
    return [
      {
        figure: `Describe calls per job-hour, ${what}`,
        aim: '≤ 20',
        measured: `${(calls / jobs / hours).toFixed(1)} (${jobs} jobs, ${speed} times as fast)`,
      },
      {
        figure: `job over → its watcher knows it, ${what}`,
        aim: '≤ 1 poll interval',
        measured:
          `at most ${Math.max(...late.map(({ share }) => share)).toFixed(2)} of one, which is what the engine asks for when the job is over, ` +
          `without jitter (${(intervalAt(hours * 3_600_000) / 1000).toFixed(0)} s); ` +
          `${median(late.map(({ seconds }) => seconds)).toFixed(0)} s at the median. The loop of the activity, without Temporal`,
      },
    ];
  } finally {
    await close();
  }
}

/** Of a job of that age, in milliseconds. */
const intervalAt = (age) => pollIntervalMs(age, Infinity, 0.5);

/** The loop of the activity. */
async function watch(engine, name) {
  const ref = await engine.ensure(name, request, new AbortController().signal);
  const begun = Date.now();
  for (;;) {
    const state = await engine.describe(ref);
    if (state.status === 'succeeded') return;
    if (state.status !== 'running') throw new Error(`${name}: ${state.status}`);
    const remaining =
      state.startedAt === null
        ? undefined
        : request.local.maxRuntimeSeconds * 1000 - (Date.now() - begun) * speed;
    const interval = engine.pollIntervalMs(Date.now() - begun, remaining);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}
