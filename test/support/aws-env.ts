import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';

/** Of this machine's own AWS settings the SDK sees none in the tests of a file. @param folder - of the test: without any file. */
export function withoutAwsSettings(folder: () => string): void {
  beforeEach(() => {
    for (const name of Object.keys(process.env).filter((key) => key.startsWith('AWS_')))
      vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', join(folder(), 'config'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder(), 'credentials'));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  });
  afterEach(() => void vi.unstubAllEnvs());
}

export function useAwsSettings(settings: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
}
