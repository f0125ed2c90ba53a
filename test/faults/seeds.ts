/** Seeds that found something once, with how many runs they did. Every long test goes through them again. */
export const keptSeeds: readonly { seed: number; runs: number; kills: number; found: string }[] = [
  { seed: 545392380, runs: 40, kills: 8, found: 'a run that the auditor accused wrongly' },
];
