import { performance } from 'node:perf_hooks';

/** Milliseconds that `work` takes. */
export async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Runs each alternative once a round, so that what disturbs the machine disturbs all, and each time another one first. */
export async function sideBySide(rounds, alternatives) {
  const names = Object.keys(alternatives);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) times[name].push(await timed(alternatives[name]));
    names.push(names.shift());
  }
  return times;
}

export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
export const millis = (milliseconds) => `${milliseconds.toFixed(0)} ms`;
export const spread = (values, show) =>
  `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))}, n=${values.length})`;
