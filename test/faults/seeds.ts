/** Seeds that found something once, with how many runs they did. Every long test goes through them again. */
export const keptSeeds: readonly { seed: number; runs: number; kills: number; found: string }[] = [];
