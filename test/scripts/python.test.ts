import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runFixture, startFixture, temporaryFolder, until } from './run-fixture.ts';

const wheelMaker = fileURLToPath(new URL('fixtures/make-wheels.py', import.meta.url));

/** A project whose requirements are three empty wheels, and no package index. */
function project() {
  const root = temporaryFolder();
  const wheels = join(root, 'wheels');
  mkdirSync(wheels);
  execFileSync('python3', [wheelMaker, wheels]);
  const env = { SLUICE_CACHE_DIR: join(root, 'cache'), PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels };
  return {
    root: clone(join(root, 'first')),
    secondRoot: clone(join(root, 'second')),
    env,
    environments: join(root, 'cache', 'python'),
  };
}

function clone(root: string): string {
  const imports = ['sklearn', 'pandas', 'joblib'];
  addFramework(root, 'sklearn', imports);
  addFramework(root, 'xgboost', imports.slice(1));
  return root;
}

function addFramework(root: string, name: string, imports: string[]): void {
  const folder = join(root, 'images', name);
  mkdirSync(folder, { recursive: true });
  const requirements = imports.map((library) => `${library}==1.0\n`).join('');
  for (const file of ['requirements.txt', 'requirements-py312.txt'])
    writeFileSync(join(folder, file), requirements);
  writeFileSync(join(folder, 'framework.json'), JSON.stringify({ imports, newestPython: '3.13' }));
}

interface PythonEnvironment {
  python: string;
  requirements: string;
  pythonVersion: string;
}
type Toolchain = PythonEnvironment & { frameworks?: Record<string, PythonEnvironment> };

const recorded = (root: string) =>
  JSON.parse(readFileSync(join(root, '.sluice', 'toolchain.json'), 'utf8')) as Toolchain;

/** The folder of an environment that is being made. */
function isBegun(environments: string): boolean {
  const names = existsSync(environments) ? readdirSync(environments) : [];
  return names.some((name) => existsSync(join(environments, name, 'pyvenv.cfg')));
}

test('a Python environment of which the making was killed is made anew, once for all projects', async () => {
  const { root, secondRoot, env, environments } = project();
  const killed = startFixture('set-up.js', [root, 'python'], env);
  await until(() => isBegun(environments));
  killed.child.kill('SIGKILL');
  await killed.ended;
  expect(existsSync(join(root, '.sluice', 'toolchain.json'))).toBe(false);

  const repaired = await runFixture('set-up.js', [root, 'python'], env);
  expect(repaired.stderr).toMatch(/^Making the Python environment \(Python 3\.\d+\.\d+, requirements/);
  expect(repaired.code).toBe(0);
  const { python, pythonVersion } = recorded(root);
  const says = execFileSync(python, [
    '-c',
    'import sklearn, pandas, joblib, platform; print(platform.python_version())',
  ]);
  expect(says.toString().trim()).toBe(pythonVersion);

  const silent = { code: 0, stdout: '', stderr: '' };
  expect(await runFixture('set-up.js', [root, 'python'], env)).toEqual(silent);
  expect(await runFixture('set-up.js', [secondRoot, 'python'], env)).toEqual(silent);
  expect(recorded(secondRoot)).toEqual(recorded(root));
});

test('another framework has a Python of its own, made when it is asked for by name', async () => {
  const { root, env } = project();
  expect(await runFixture('set-up.js', [root, 'python'], env)).toMatchObject({ code: 0 });
  const first = recorded(root);
  expect(first.frameworks).toBeUndefined();

  const asked = await runFixture('set-up.js', [root, 'xgboost'], env);
  expect(asked.stderr).toMatch(/^Making the Python environment of xgboost \(Python 3/);
  const { frameworks, ...sklearn } = recorded(root);
  expect(sklearn).toEqual(first);
  const own = frameworks!.xgboost!.python;
  expect(own).not.toBe(first.python);
  expect(() => execFileSync(own, ['-c', 'import pandas, joblib'])).not.toThrow();
  expect(() => execFileSync(own, ['-c', 'import sklearn'], { stdio: 'ignore' })).toThrow();
  const silent = { code: 0, stdout: '', stderr: '' };
  expect(await runFixture('set-up.js', [root, 'python', 'xgboost'], env)).toEqual(silent);
});

test('a name that is no framework is refused by the set-up', () => {
  const script = fileURLToPath(new URL('../../scripts/setup.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, 'torch'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([
    1,
    'npm run setup -- torch: it takes names of frameworks besides sklearn: xgboost.\n',
  ]);
});

test.each(['3.8.18', '3.14.0'])(
  'Python %s is refused with the versions that are supported',
  async (version) => {
    const { root, env } = project();
    const fake = join(root, 'python');
    writeFileSync(fake, `#!/bin/sh\necho '["${fake}", [${version.replaceAll('.', ', ')}]]'\n`);
    chmodSync(fake, 0o755);

    const { code, stderr } = await runFixture('set-up.js', [root, 'python'], {
      ...env,
      SLUICE_PYTHON_BASE: fake,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/Sluice needs 3\.9 to 3\.13/);
    expect(stderr).toContain(`Python ${version} at ${fake}`);
    expect(stderr).toContain('SLUICE_PYTHON_BASE');
  },
);

test('libraries that cannot be had end in an error with the reason and the remedy', async () => {
  const { root, env } = project();
  const { code, stderr } = await runFixture('set-up.js', [root, 'python'], { ...env, PIP_FIND_LINKS: root });
  expect(code).toBe(1);
  expect(stderr).toMatch(/could not be made for .* from .*requirements/);
  expect(stderr).toContain('PIP_INDEX_URL');
  expect(existsSync(join(root, '.sluice', 'toolchain.json'))).toBe(false);
});
