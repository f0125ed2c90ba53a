import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runFixture, temporaryFolder } from './run-fixture.ts';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** A tiny project with the real one's compiler settings and packages. */
function project() {
  const root = temporaryFolder();
  for (const file of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(projectRoot, file), join(root, file));
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('src/workflows/index.ts', 'export async function trainingPipeline(): Promise<void> {}\n');
  write('src/core/one.ts', 'export const one: number = 1;\n');
  write('src/engines/process/supervisor.py', 'print(1)\n');
  write(
    'src/codec/failure-converter.cjs',
    'exports.failureConverter = { errorToFailure() {}, failureToError() {} };\n',
  );
  return {
    write,
    remove: (path: string) => rmSync(join(root, path)),
    has: (path: string) => existsSync(join(root, path)),
    read: (path: string) => readFileSync(join(root, path), 'utf8'),
    build: () => runFixture('set-up.js', [root, 'build']),
  };
}

test('the build compiles, bundles the workflows and copies Python; what has not changed is not built again', async () => {
  const { build, has, read, remove } = project();
  expect(await build()).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^Building Sluice \(dist is missing or incomplete\)…\n/),
  });
  expect(read('dist/core/one.js')).toContain('export const one = 1;');
  expect(read('dist/workflow-bundle.js')).toContain('trainingPipeline');
  expect(read('dist/workflow-bundle-encrypted.js')).toContain('failure-converter.cjs');
  expect(has('dist/engines/process/supervisor.py')).toBe(true);
  expect(await build()).toEqual({ code: 0, stdout: '', stderr: '' });

  remove('src/core/one.ts');
  expect(await build()).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^Building Sluice \(src has changed\)…\n/),
  });
  expect(has('dist/core/one.js')).toBe(false);
});

test('a build that fails says where, and the next call builds again', async () => {
  const { build, write } = project();
  write('src/core/one.ts', 'export const one: number = "1";\n');
  for (let call = 0; call < 2; call++) {
    const { code, stderr } = await build();
    expect(code).toBe(1);
    expect(stderr).toContain('src/core/one.ts(1,14): error TS2322');
  }
});
