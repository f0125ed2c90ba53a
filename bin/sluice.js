#!/usr/bin/env node
import { existsSync } from 'node:fs';

const OLDEST_NODE = [20, 19];

/** @param {string} version */
function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

async function main() {
  if (!isNewEnough(process.versions.node)) {
    const [major, minor] = OLDEST_NODE;
    process.stderr.write(
      `Sluice needs Node.js ${major}.${minor} or later; this is ${process.version} (${process.execPath}).\n`,
    );
    process.exitCode = 1;
    return;
  }
  // The container image has dist/ and no sources: nothing to set up.
  const isProject = existsSync(new URL('../src', import.meta.url));
  if (isProject && process.env.SLUICE_SKIP_SETUP !== '1') {
    const { setup } = await import('../scripts/setup.js');
    const { runScript } = await import('../scripts/setup/errors.js');
    await runScript(() => setup());
    if (process.exitCode) return;
  }
  await import('../dist/cli.js');
}

await main();
