import { readConfig } from '../../src/config.ts';

/** The Temporal CLI that the set-up found. */
export function temporalCli(): string {
  const { temporalCli: path } = readConfig();
  if (path !== null) return path;
  throw new Error('These tests need the Temporal CLI; `npm test` fetches it (or set TEMPORAL_CLI_PATH)');
}
