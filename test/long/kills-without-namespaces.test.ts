import { it } from 'vitest';
import { chosenSeed, killWorkers } from '../support/kill-workers.ts';

const seed = chosenSeed();
const kills = 8;

it(
  `starts every job once also without namespaces (seed ${seed}, ${kills} kills)`,
  { timeout: 15 * 60_000 },
  () => killWorkers({ seed, kills, env: { SLUICE_PROCESS_ISOLATION: 'none' } }),
);
