import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { base, createBench, isolations, shell, writeFiles } from './fixtures.ts';

describe.each(isolations)('the inputs of a job, isolation %s', (isolation) => {
  const bench = createBench(isolation);
  let count = 0;
  /** A job with a folder and a file as inputs, which does something to them and then succeeds. */
  const run = async (script: string) => {
    const name = `inputs-${(count += 1)}`;
    const folder = writeFiles(join(bench.folder, name), { 'a.txt': 'one', 'deep/b.txt': 'two' });
    const file = join(writeFiles(join(bench.folder, `${name}-file`), { 'c.txt': 'three' }), 'c.txt');
    const out = join(bench.folder, `${name}-out`);
    const state = await bench.run(
      name,
      shell(`cd ${base}/processing/input; ${script}; true`, { inputs: { folder, file }, outputs: { out } }),
    );
    return { state, folder, file, out };
  };

  it.each([
    ['writes to a file of a folder', 'echo more >> folder/deep/b.txt', 'folder', 'deep/b.txt'],
    ['writes as much as there was', 'printf ONE > folder/a.txt', 'folder', 'a.txt'],
    [
      'hides it by setting the time back',
      'touch -r folder/a.txt /tmp/ref$$; printf ONE > folder/a.txt; touch -r /tmp/ref$$ folder/a.txt; rm /tmp/ref$$',
      'folder',
      'a.txt',
    ],
    ['removes one', 'rm -f folder/a.txt', 'folder', 'a.txt'],
    ['puts another in its place', 'cp folder/a.txt folder/n; mv -f folder/n folder/a.txt', 'folder', 'a.txt'],
    ['writes to an input that is a file', 'echo more >> file/c.txt', 'file', ''],
  ] as const)('are as they were when it %s, or it fails', async (_, script, input, name) => {
    const { state, out, ...inputs } = await run(script);
    const path = join(inputs[input], name);
    if (isolation === 'namespaces') {
      expect(state).toMatchObject({ status: 'succeeded' });
      expect(['one', 'two', 'three']).toContain(readFileSync(path, 'utf8'));
      expect(existsSync(out)).toBe(true);
      return;
    }
    expect(state).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      reason: expect.stringContaining(`the job wrote to its input ${path}, `),
    });
    expect(existsSync(out)).toBe(false);
  });

  it('may be read, and have caches put beside them', async () => {
    const { state } = await run('cat folder/a.txt folder/deep/b.txt file/c.txt; mkdir folder/__pycache__');
    expect(state).toMatchObject({ status: 'succeeded' });
  });
});
