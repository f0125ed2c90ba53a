import { afterAll, beforeAll } from 'vitest';

/** What a worker may have in its environment and a job must never see. */
export const workerVariables = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_PROFILE',
  'TEMPORAL_API_KEY',
  'DATABASE_PASSWORD',
  'NODE_OPTIONS',
  'npm_config_registry',
  'VITEST_WORKER_ID',
  'SLUICE_HOME',
];
export const workerSecret = 'a-secret-of-the-worker';

/** Gives the process of these tests such variables, for as long as they run. */
export function giveWorkerSecrets(): void {
  const before = { ...process.env };
  beforeAll(() => {
    for (const name of [
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_SESSION_TOKEN',
      'DATABASE_PASSWORD',
    ])
      process.env[name] ??= workerSecret;
  });
  afterAll(() => {
    process.env = before;
  });
}
