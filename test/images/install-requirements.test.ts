import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder, root, runPython } from './fixtures/python.ts';

/** Runs the script of the image's build on these requirements, with the libraries of this machine as those of the base. */
async function install(requirements: string, environment: Record<string, string> = {}) {
  const folder = makeFolder({
    'requirements.txt': requirements,
    'requirements-py312.txt': requirements,
    'framework.json': JSON.stringify({ imports: ['joblib'], newestPython: '3.13' }),
  });
  const script = join(folder, 'install_requirements.py');
  copyFileSync(join(root, 'images/script-mode/install_requirements.py'), script);
  return runPython([script], { PIP_NO_INDEX: '1', ...environment });
}

describe('the libraries of a base image', () => {
  it('stay with SLUICE_ACCEPT_INSTALLED=1, and every difference from the requirements is printed', async () => {
    const { code, stdout, stderr } = await install('# a comment\njoblib==0.0.1  # never released\n', {
      SLUICE_ACCEPT_INSTALLED: '1',
    });
    expect(code, stderr).toBe(0);
    const installed = /^Installed: joblib==(\S+)$/m.exec(stdout)?.[1];
    expect(stdout).toContain(
      `joblib 0.0.1 DIFFERS: the base has ${installed}, kept because of SLUICE_ACCEPT_INSTALLED=1\n`,
    );
  });

  it('do not stay otherwise: where pip cannot install the pinned version, the build fails', async () => {
    const { code, stdout, stderr } = await install('joblib==0.0.1\n');
    expect(stdout).toContain('to be replaced\n');
    expect(stderr).toMatch(/PIP_INDEX_URL|has no pip to install joblib==0\.0\.1/);
    expect(code).toBe(1);
  });

  it('must be there even with SLUICE_ACCEPT_INSTALLED=1', async () => {
    const { code, stdout } = await install('sluice-never-released==1.0\n', { SLUICE_ACCEPT_INSTALLED: '1' });
    expect(stdout).toContain('sluice-never-released 1.0 is missing: to be installed\n');
    expect(code).toBe(1);
  });
});

it('refuses a SLUICE_ACCEPT_INSTALLED that is neither 0 nor 1', async () => {
  const { code, stderr } = await install('joblib==0.0.1\n', { SLUICE_ACCEPT_INSTALLED: 'yes' });
  expect(stderr).toBe("install_requirements: SLUICE_ACCEPT_INSTALLED is 'yes'; it must be 0 or 1.\n");
  expect(code).toBe(1);
});
