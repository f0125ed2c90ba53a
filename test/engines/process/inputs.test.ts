import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, readFileSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  base,
  canMount,
  clones,
  createBench,
  fakePython,
  isolations,
  makeFolder,
  python,
  shell,
  writeFiles,
  type Bench,
} from './fixtures.ts';

const withoutLandlock = fileURLToPath(new URL('without_landlock.py', import.meta.url));

/** Whether the kernel guards inputs that are links: since Linux 6.2, unless it was built or started without. */
const hasLandlock =
  process.platform === 'linux' &&
  Number(
    execFileSync(
      python,
      ['-c', 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))'],
      { encoding: 'utf8' },
    ),
  ) >= 3;

/** Files of the example inputs, and what they hold; the large one has nothing but its size. */
const files = { 'a.txt': 'one', 'deep/b.txt': 'two' };
/** More than is copied. */
const large = 65 * 1024 * 1024;

let count = 0;
/** A job with a folder and a file as inputs, which does something to them and then succeeds. */
async function runOn(bench: Bench, script: string, prepare: (folder: string) => void = () => undefined) {
  const name = `inputs-${(count += 1)}`;
  const folder = writeFiles(join(bench.folder, name), files);
  const file = join(writeFiles(join(bench.folder, `${name}-file`), { 'c.txt': 'three' }), 'c.txt');
  prepare(folder);
  const out = join(bench.folder, `${name}-out`);
  const state = await bench.run(
    name,
    shell(`cd ${base}/processing/input; ${script}; true`, { inputs: { folder, file }, outputs: { out } }),
  );
  return { name, state, folder, file, out };
}

describe.each(isolations)('the inputs of a job, isolation %s', (isolation) => {
  const bench = createBench(isolation);

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
  ] as const)('are as they were when it %s', async (_, script, input, name) => {
    const { state, out, ...inputs } = await runOn(bench, script);
    expect(state).toMatchObject({ status: 'succeeded' });
    expect(['one', 'two', 'three']).toContain(readFileSync(join(inputs[input], name), 'utf8'));
    expect(existsSync(out)).toBe(true);
  });

  it('may be read, and have caches put beside them', async () => {
    const { state, name } = await runOn(
      bench,
      'cat folder/a.txt folder/deep/b.txt file/c.txt; mkdir folder/__pycache__',
    );
    expect(state).toMatchObject({ status: 'succeeded' });
    expect(bench.log(name)).toContain('onetwothree');
  });
});

describe('the inputs of a job without namespaces', () => {
  const bench = createBench('none');
  const inJob = (name: string, path: string) => join(bench.jobsDir, name, 'ml/processing/input', path);
  /** The same by links: a file of this size is worth no copy, unless the file system clones it. */
  const enlarge = (folder: string) => {
    writeFiles(folder, { 'large.bin': '' });
    truncateSync(join(folder, 'large.bin'), large);
  };

  it('are copies, which go when the job is over, however it ends', async () => {
    const { name } = await runOn(bench, 'test ! -L folder && echo copied');
    expect(bench.log(name)).toContain('copied');
    expect(existsSync(inJob(name, 'folder'))).toBe(false);
    expect(existsSync(inJob(name, 'file/c.txt'))).toBe(false);
    const failing = await runOn(bench, 'exit 3');
    expect(failing.state).toMatchObject({ status: 'failed' });
    expect(existsSync(inJob(failing.name, 'folder'))).toBe(false);
  });

  it('are links if they have links in them, which would lead elsewhere from another place', async () => {
    const { name, state } = await runOn(bench, 'cat folder/near', (folder) =>
      symlinkSync('../' + folder.slice(folder.lastIndexOf('/') + 1) + '/a.txt', join(folder, 'near')),
    );
    expect(state).toMatchObject({ status: 'succeeded' });
    expect(bench.log(name)).toContain('one');
    expect(lstatSync(inJob(name, 'folder')).isSymbolicLink()).toBe(true);
  });

  it('keep the modes of their files', async () => {
    const { name } = await runOn(bench, './folder/a.txt; test ! -L folder && echo copied', (folder) => {
      writeFiles(folder, { 'a.txt': '#!/bin/sh\necho ran\n' });
      chmodSync(join(folder, 'a.txt'), 0o755);
    });
    expect(bench.log(name)).toContain('ran\ncopied\n');
  });

  const changes: [what: string, script: string, path: string][] = [
    ['writes to a file', 'echo more >> folder/deep/b.txt', 'deep/b.txt'],
    ['writes as much as there was', 'printf ONE > folder/a.txt', 'a.txt'],
    [
      'hides it by setting the time back',
      'touch -r folder/a.txt $TMPDIR/ref; printf ONE > folder/a.txt; touch -r $TMPDIR/ref folder/a.txt',
      'a.txt',
    ],
    ['removes one', 'rm -f folder/a.txt', 'a.txt'],
    ['puts another in its place', 'cp folder/a.txt $TMPDIR/n; mv -f $TMPDIR/n folder/a.txt', 'a.txt'],
  ];

  describe.skipIf(clones(bench.folder))('and that are large, are links', () => {
    it
      .skipIf(!hasLandlock)
      .each([
        ...changes,
        ['moves the folder', 'mv "$(readlink folder)" "$(readlink folder).moved"', 'a.txt'],
        ['empties one', 'truncate -s 0 folder/a.txt', 'a.txt'],
      ])('as they were when the job %s', async (_, script, path) => {
      const { state, folder, out } = await runOn(bench, script, enlarge);
      // Times are not guarded, and who set one is told so.
      expect(state.status).toBe(script.includes('touch') ? 'failed' : 'succeeded');
      expect(existsSync(out)).toBe(state.status === 'succeeded');
      expect(['one', 'two']).toContain(readFileSync(join(folder, path), 'utf8'));
    });

    it.skipIf(!hasLandlock)('beside which the job writes where else it may', async () => {
      const beside = writeFiles(join(bench.folder, 'beside'), { 'old.txt': 'old' });
      const script = [
        `echo new > ${beside}/old.txt && mkdir ${beside}/deep && mv ${beside}/old.txt ${beside}/deep && echo wrote`,
        'echo x > $HOME/x && mv $HOME/x ${TMPDIR} && echo moved',
        'test "$(cat folder/a.txt)" = one && echo read',
        `${python} -c 'import multiprocessing as m; m.Lock(); print("shared")'`,
        // A folder above an input is closed.
        `(echo x > ${bench.folder}/x) 2>/dev/null || echo closed`,
      ].join('; ');
      const { state, name } = await runOn(bench, script, enlarge);
      expect(state).toMatchObject({ status: 'succeeded' });
      expect(bench.log(name)).toBe('wrote\nmoved\nread\nshared\nclosed\n');
    });

    it.skipIf(!hasLandlock)('as they were, files too and those that lie in another', async () => {
      const outer = writeFiles(join(bench.folder, 'outer'), { ...files, 'other/c.txt': 'three' });
      enlarge(outer);
      enlarge(join(outer, 'deep'));
      const inputs = { outer, inner: join(outer, 'deep'), file: join(outer, 'large.bin') };
      const paths = ['outer/a.txt', 'outer/other/c.txt', 'inner/b.txt', 'file/large.bin'];
      const script = `cd ${base}/processing/input; for file in ${paths.join(' ')}; do (echo x >> $file) 2>/dev/null || echo kept; done`;
      await bench.run('nested', shell(script, { inputs }));
      expect(bench.log('nested')).toBe('kept\n'.repeat(paths.length));
    });

    it.skipIf(!hasLandlock || !canMount)(
      'as they were, though their folder is mounted elsewhere, too',
      async () => {
        const alias = makeFolder();
        const { state, name } = await runOn(
          bench,
          '(echo x >> folder/a.txt) 2>/dev/null || echo kept',
          (folder) => {
            enlarge(folder);
            execFileSync('mount', ['--bind', folder, alias]);
          },
        ).finally(() => execFileSync('umount', [alias]));
        expect(state).toMatchObject({ status: 'succeeded' });
        expect(bench.log(name)).toBe('kept\n');
      },
    );

    it.each(changes)(
      'where the kernel guards nothing, and the job that %s fails',
      async (_, script, path) => {
        const supervisorPython = fakePython(`exec ${python} -I -S ${withoutLandlock} "$@"`);
        const { state, folder, out } = await runOn(
          createBench('none', { supervisorPython }),
          script,
          enlarge,
        );
        expect(state).toMatchObject({
          status: 'failed',
          code: 'JobFailed',
          reason: expect.stringContaining(`its input ${join(folder, path)} was changed while the job ran`),
        });
        expect(existsSync(out)).toBe(false);
      },
    );
  });
});
