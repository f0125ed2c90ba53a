import { it } from 'vitest';
import { chosenSeed, killWorkers } from '../support/kill-workers.ts';

const seed = chosenSeed();
const kills = Number(process.env.SLUICE_KILLS ?? 32);

it(
  `starts every job once, whenever its worker is killed (seed ${seed}, ${kills} kills)`,
  { timeout: 40 * 60_000 },
  () => killWorkers({ seed, kills }),
);
