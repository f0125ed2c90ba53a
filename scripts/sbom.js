// A bill of materials (CycloneDX) of what runs in production, on standard output. `npm sbom --omit=dev` leaves out too much: what a
// development tool needs as well, such as Temporal's worker. So npm is given the lock file without what is for development alone.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './setup/command.js';
import { projectRoot } from './setup/context.js';
import { runScript } from './setup/errors.js';

/** @param {string} name */
const read = (name) => JSON.parse(readFileSync(join(projectRoot, name), 'utf8'));

await runScript(async () => {
  const { devDependencies: _tools, ...own } = read('package.json');
  const { packages, ...lock } = read('package-lock.json');
  const { '': root, ...others } = packages;
  const { devDependencies: _same, ...production } = root;
  const kept = Object.entries(others).filter(([, { dev }]) => dev !== true);
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-sbom-'));
  // npm names the product by its folder.
  const folder = join(temporary, own.name);
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
    const text = JSON.stringify({ ...lock, packages: { '': production, ...Object.fromEntries(kept) } });
    writeFileSync(join(folder, 'package-lock.json'), text);
    console.log(
      await run('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'], { cwd: folder }),
    );
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
});
