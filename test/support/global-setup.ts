import { existsSync } from 'node:fs';

/** Who starts Vitest by hand learns at once what is missing, instead of from a hundred failures. */
export function setup(): void {
  const missing = ['dist/cli.js', '.sluice/toolchain.json'].filter(
    (path) => !existsSync(new URL(`../../${path}`, import.meta.url)),
  );
  if (missing.length > 0)
    throw new Error(`${missing.join(' and ')} missing: run "npm test", which sets everything up.`);
}
