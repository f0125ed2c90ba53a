import { openStand, sleep, until } from './sagemaker-stand.js';

/** Ten minutes of a storm in twenty seconds: of Sluice the engine's time runs as fast, that of the activities does not. */
const speed = 30;
const jobs = 100;
const stormSeconds = 600;

/** Ten minutes in which AWS throttles every call, while 100 jobs are being made and watched. */
export async function throttleStorm() {
  const stand = await openStand({
    speed,
    file: { jobs: [{ job: '*', life: { runningSeconds: [300, 1800] } }] },
  });
  const ledger = () => stand.emulator.ledger.since();
  const creations = () =>
    ledger().filter(({ operation, committed }) => operation === 'CreateTrainingJob' && committed);
  try {
    const handles = await stand.start(jobs);
    await until(() => creations().length >= jobs / 2, 60);
    stand.emulator.faults.add({ fault: 'throttle' });
    const before = ledger().length;
    await sleep((stormSeconds / speed) * 1000);
    stand.emulator.faults.clear();
    const calls = ledger()
      .slice(before)
      .filter(({ event }) => event === 'request');
    const results = await Promise.allSettled(handles.map((handle) => handle.result()));
    const failed = results.filter(({ status }) => status === 'rejected').length;
    const names = new Set(creations().map(({ name }) => name));
    return [
      {
        figure: `10-minute throttle storm over ${jobs} jobs`,
        aim: '0 failed, 0 duplicate jobs',
        measured:
          `${failed} failed, ${creations().length - names.size} duplicate, ${names.size} made; ` +
          `${calls.length} calls in the storm, all throttled (${speed} times as fast)`,
      },
    ];
  } finally {
    await stand.close();
  }
}
