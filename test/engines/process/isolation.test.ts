import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProcessEngine } from '../../../src/engines/process/engine.ts';
import { probeIsolation } from '../../../src/engines/process/isolation.ts';
import {
  canMount,
  createBench,
  fakePython,
  hasNamespaces,
  makeFolder,
  projectRoot,
  pythonJob,
  shell,
  writeFiles,
  type Bench,
} from './fixtures.ts';

const data = '/opt/ml/processing/input/data';
const isRoot = process.getuid?.() === 0;
const systemPython = '/usr/bin/python3';
const nobodysServer = fileURLToPath(new URL('nobodys_server.py', import.meta.url));

/** All privileges in new namespaces, without an exec that would lose them. */
const nested = `
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
target = sys.argv[1].encode()
CLONE_NEWNS, CLONE_NEWUSER, MS_REMOUNT, MS_BIND, MNT_DETACH = 0x20000, 0x10000000, 32, 4096, 2
if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0:
    print('nested')
for flags in (MS_REMOUNT, MS_REMOUNT | MS_BIND):
    if libc.mount(b'none', target, None, flags, None) == 0:
        print('mounted anew')
if libc.umount2(target, MNT_DETACH) == 0 or libc.umount2(target, 0) == 0:
    print('unmounted')
try:
    open(target + b'/a.txt', 'w').write('changed')
except OSError as error:
    print(error.strerror)
`;

/** Runs supervisors as a user without any right; the engine that prepares stays root. */
const asNobody = () => fakePython(`exec ${systemPython} ${nobodysServer} ${systemPython} "$@"`);

function whyNotNobody(): string | null {
  if (!hasNamespaces) return 'no namespaces';
  if (!isRoot) return 'only root can become another user';
  try {
    execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', systemPython, '-c', '']);
    execFileSync('setpriv', ['--reuid=65534', '--clear-groups', 'test', '-r', join(projectRoot, 'src')]);
    return null;
  } catch (error) {
    return String(error);
  }
}

const noNobody = whyNotNobody();
if (noNobody !== null) console.warn(`No tests as another user: ${noNobody}`);

const users = [
  ...(hasNamespaces ? [{ user: 'the user of the tests', create: () => createBench('namespaces') }] : []),
  ...(noNobody === null
    ? [
        {
          user: 'a user without rights',
          create: () => createBench('namespaces', { supervisorPython: asNobody(), python: systemPython }),
        },
      ]
    : []),
];

it.runIf(noNobody === null)('a user who may have no more processes is told so', async () => {
  const user = '--reuid=65533 --regid=65533 --clear-groups';
  const supervisorPython = fakePython(`exec prlimit --nproc=1 setpriv ${user} ${systemPython} "$@"`);
  await expect(
    createBench('none', { supervisorPython }).start('refused', shell('true')),
  ).rejects.toMatchObject({
    code: 'EngineUnavailable',
    message: expect.stringMatching(/no supervisor can be forked: Resource temporarily unavailable/) as string,
  });
});

describe.each(users)('a job in namespaces of $user', ({ create }) => {
  let bench: Bench;
  let input: string;
  const host = { opt: readdirSync('/opt').sort() };

  beforeAll(() => {
    bench = create();
    input = writeFiles(join(bench.folder, 'input'), { 'a.txt': 'as it was', 'deep/b.txt': 'b' });
    // Only the mount may stand in the way of a write.
    for (const path of ['', 'a.txt', 'deep', 'deep/b.txt']) chmodSync(join(input, path), 0o777);
  });

  const attempt = async (name: string, script: string) => {
    const state = await bench.run(name, shell(script, { inputs: { data: input } }));
    expect(state.status).toBe('succeeded');
    expect(readFileSync(join(input, 'a.txt'), 'utf8')).toBe('as it was');
    expect(readdirSync(input).sort()).toEqual(['a.txt', 'deep']);
    return bench.log(name);
  };

  it('cannot write to its inputs', async () => {
    const log = await attempt(
      'write',
      `cat ${data}/a.txt; echo x > ${data}/a.txt; touch ${data}/new; rm -f ${data}/deep/b.txt; true`,
    );
    expect(log).toContain('as it was');
    expect(log.match(/Read-only file system/g)).toHaveLength(3);
  });

  it('cannot mount them anew', async () => {
    const log = await attempt(
      'remount',
      `
      for path in ${data} /opt /opt/ml /; do mount -o remount,bind,rw $path && echo MOUNTED; done
      umount ${data} && echo UNMOUNTED
      mount -t tmpfs none /tmp && echo MOUNTED
      echo x > ${data}/a.txt; true`,
    );
    expect(log).not.toMatch(/MOUNTED/);
  });

  it('cannot do so in a namespace of its own either', async () => {
    const program = join(writeFiles(bench.folder, { 'nested.py': nested }), 'nested.py');
    const log = await attempt('nested', `python3 ${program} ${data}; true`);
    expect(log).toContain('nested');
    expect(log).not.toMatch(/mounted/);
  });

  it('has no capability and gets none by exec', async () => {
    const log = await attempt(
      'capabilities',
      "grep -E '^(Cap|NoNewPrivs)' /proc/self/status; su -c id nobody </dev/null; true",
    );
    expect(log.match(/^Cap\w+:\t0+$/gm)).toHaveLength(5);
    expect(log).toContain('NoNewPrivs:\t1');
  });

  it('sees only its own processes', async () => {
    const log = await attempt('processes', 'ls -d /proc/[0-9]*; echo $$');
    expect(log).toMatch(/^\/proc\/1\n\/proc\/2\n(\/proc\/\d\n)?2\n$/);
  });

  it('keeps the user and finds what else is in /opt', async () => {
    const log = await attempt('opt', 'id -u; stat -c %u /opt/ml; ls /opt');
    const [uid, owner, ...opt] = log.trim().split('\n');
    expect(owner).toBe(uid);
    expect(opt).toEqual([...new Set([...host.opt, 'ml'])].sort());
  });

  it('changes nothing in /opt of the machine', async () => {
    await attempt('host', 'touch /opt/ml/made-here; touch /opt/made-here; ls /opt/ml');
    expect(readdirSync('/opt').sort()).toEqual(host.opt);
    expect(existsSync(join(bench.jobsDir, 'host/ml/made-here'))).toBe(true);
  });

  it('stores outputs as the user that it is', async () => {
    const locked = writeFiles(join(bench.folder, 'locked'), {});
    chmodSync(locked, 0o555);
    const state = await bench.run('locked', shell('id -u', { outputs: { out: join(locked, 'out') } }));
    if (bench.log('locked') === '0\n') expect(state.status).toBe('succeeded');
    else expect(state).toMatchObject({ status: 'failed', code: 'AccessDenied' });
  });

  it('has no /opt/ml of an earlier job', async () => {
    await attempt('one', 'touch /opt/ml/model-of-one');
    expect(await attempt('two', 'ls /opt/ml')).toBe('config\noutput\nprocessing\n');
  });
});

describe.runIf(hasNamespaces)('mounts', () => {
  it.runIf(canMount)('below an input are read-only too, and keep their other flags', async () => {
    const bench = createBench('namespaces');
    const input = writeFiles(join(bench.folder, 'with mounts'), { 'sub dir/x': '' });
    const sub = join(input, 'sub dir');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'nosuid,nodev,noexec', 'none', sub]);
    try {
      const state = await bench.run(
        'submount',
        shell(`touch "${data}/sub dir/y" || grep "data/sub" /proc/self/mountinfo`, {
          inputs: { data: input },
        }),
      );
      expect(state.status).toBe('succeeded');
      expect(bench.log('submount')).toMatch(/data\/sub\\040dir ro,nosuid,nodev,noexec/);
      expect(readdirSync(sub)).toEqual([]);
    } finally {
      execFileSync('umount', [sub]);
    }
  });

  it('are made read-only one by one on kernels that cannot do it at once', () => {
    const bench = createBench('namespaces');
    const input = writeFiles(join(bench.folder, 'in put'), { 'a.txt': 'as it was' });
    const supervisor = join(projectRoot, 'src/engines/process/supervisor');
    const script = `
import os, sys
sys.path.insert(0, ${JSON.stringify(supervisor)})
import namespaces
namespaces._make_read_only = namespaces.remount_read_only
folder, source = sys.argv[1:]
os.makedirs(folder + '/in put')
namespaces.enter(folder, [(source, 'in put')])
try:
    open('/opt/ml/in put/a.txt', 'w')
except OSError as error:
    print(error.strerror)
open('/opt/ml/other', 'w')
`;
    const output = execFileSync(systemPython, ['-B', '-c', script, join(bench.folder, 'ml'), input], {
      encoding: 'utf8',
    });
    expect(output).toBe('Read-only file system\n');
  });

  it.runIf(canMount).each([
    ['without /opt/ml', 'mkdir /opt/dir; echo x > /opt/dir/x', 'dir file link ml'],
    ['with /opt/ml', 'mkdir -p /opt/ml/old', 'file link ml'],
  ])('leave the rest of /opt as it is on a machine %s', (_what, prepare, expected) => {
    const folder = writeFiles(makeFolder(), { 'ml/new': '' });
    const script = `
import os, sys
sys.path.insert(0, ${JSON.stringify(join(projectRoot, 'src/engines/process/supervisor'))})
import namespaces
namespaces.enter(sys.argv[1], [])
print(*sorted(os.listdir('/opt')), '|', *os.listdir('/opt/ml'), '|', open('/opt/file').read(), os.readlink('/opt/link'))
`;
    const output = execFileSync(
      'unshare',
      [
        '-m',
        'sh',
        '-ec',
        `mount -t tmpfs none /opt; ${prepare}; echo f > /opt/file; ln -s file /opt/link; exec "$@"`,
      ].concat('sh', systemPython, '-B', '-c', script, join(folder, 'ml')),
      { encoding: 'utf8' },
    );
    expect(output).toBe(`${expected} | new | f\n file\n`);
  });

  it('work for jobs, inputs and outputs below /opt', async () => {
    try {
      accessSync('/opt', constants.W_OK);
    } catch {
      console.warn('Skipped: /opt is not writable');
      return;
    }
    const folder = mkdtempSync('/opt/sluice-test-');
    try {
      const bench = createBench('namespaces', { jobsDir: join(folder, 'jobs') });
      const input = writeFiles(join(folder, 'input'), { 'a.txt': 'below opt\n' });
      const out = join(folder, 'out');
      const job = shell(
        `cp ${data}/a.txt /opt/ml/processing/output/out/; cat ${input}/a.txt; ls -a $HOME $TMPDIR`,
        { inputs: { data: input }, outputs: { out } },
      );
      expect((await bench.run('opt', job)).status).toBe('succeeded');
      expect(bench.log('opt')).toContain('below opt');
      expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('below opt\n');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the choice of isolation', () => {
  const options = {
    frameworksDir: join(projectRoot, 'images'),
    findModel: () => Promise.reject(new Error()),
    extractModel: () => Promise.reject(new Error()),
    localPath: (uri: string) => uri,
  };

  it('says why namespaces are not to be had', async () => {
    const python = join(createBench('none').folder, 'no-python');
    expect(await probeIsolation(python)).toMatchObject({ available: false });
  });

  it.runIf(noNobody === null && existsSync('/proc/sys/user/max_user_namespaces'))(
    'falls back to plain processes',
    async () => {
      // In a user namespace of its own whose limit is zero the kernel refuses any further one.
      const refused = join(createBench('none').folder, 'python');
      const limit = 'echo 0 > /proc/sys/user/max_user_namespaces';
      writeFileSync(
        refused,
        `#!/bin/sh\nexec unshare -Ur sh -c '${limit}; exec ${systemPython} "$@"' sh "$@"\n`,
        { mode: 0o755 },
      );
      const probe = await probeIsolation(refused);
      expect(probe).toMatchObject({ available: false, reason: expect.stringContaining('unshare') as string });
      const bench = createBench('auto' as 'none', { supervisorPython: refused });
      expect(
        (await bench.run('auto', pythonJob('import os; print(os.environ["SAGEMAKER_BASE_DIR"])'))).status,
      ).toBe('succeeded');
      expect(bench.log('auto')).toBe(`${join(bench.jobsDir, 'auto/ml')}\n`);
      const strict = createBench('namespaces', { supervisorPython: refused });
      await expect(strict.start('strict', shell('true'))).rejects.toMatchObject({
        code: 'EngineUnavailable',
      });
    },
  );

  it('says what is missing when Python is', async () => {
    const engine = createProcessEngine({
      ...options,
      jobsDir: createBench('none').jobsDir,
      python: '/no/python',
      isolation: 'none',
    });
    await expect(engine.ensure('x', shell('true'), new AbortController().signal)).rejects.toMatchObject({
      code: 'EngineUnavailable',
      message: expect.stringContaining('/no/python') as string,
    });
  });
});

afterAll(() => {
  expect(existsSync('/opt/ml')).toBe(false);
});
