import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SluiceError } from '../../../src/core/errors.ts';
import { listJobs, removeJob } from '../../../src/engines/local/job-folder.ts';
import { processesWith } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import {
  base,
  childrenOf,
  clones,
  createBench,
  isolations,
  makeFolder,
  processingJob,
  pythonJob,
  shell,
  supervisorOf,
  waitUntil,
  writeFiles,
} from './fixtures.ts';

describe.each(isolations)('the process engine, isolation %s', (isolation) => {
  const bench = createBench(isolation);
  const optMl = (name: string) => (isolation === 'namespaces' ? '/opt/ml' : join(bench.jobsDir, name, 'ml'));

  it('tells the end of a job that succeeds', async () => {
    const state = await bench.run('good', shell('echo one; echo two >&2'));
    expect(state).toMatchObject({
      status: 'succeeded',
      exitMessage: null,
      records: null,
      logTail: ['one', 'two'],
    });
    if (state.status !== 'succeeded') throw new Error('unreachable');
    expect(Date.parse(state.endedAt)).toBeGreaterThanOrEqual(Date.parse(state.startedAt));
  });

  it.runIf(process.platform === 'linux')('begins a job with no signal blocked or ignored', async () => {
    // Not by a shell, which may unblock all.
    const show = processingJob(['grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status']);
    const state = await bench.run('signals', show);
    const none = (name: string) => expect.stringMatching(new RegExp(`^${name}:\\s+0+$`)) as string;
    expect(state).toMatchObject({ status: 'succeeded', logTail: [none('SigBlk'), none('SigIgn')] });
  });

  it.runIf(process.platform === 'linux')(
    'leaves one process, the fork server, however many jobs it started at once',
    async () => {
      const own = createBench(isolation);
      const names = Array.from({ length: 8 }, (_, index) => `at-once-${index}`);
      await Promise.all(names.map((name) => own.run(name, shell('true'))));
      await until(async () => (await processesWith(own.jobsDir)).length === 1);
      const [server] = await processesWith(own.jobsDir);
      expect(server?.command).toMatch(/--fork-server$/);
      // The ended ones were reaped.
      await until(() => childrenOf(server!.pid).length === 0);
    },
  );

  it.each([
    ['exit 1', 1, 'exit code 1'],
    ['exit 130', 130, 'exit code 130: killed by SIGINT'],
    ['exit 137', 137, 'exit code 137: killed by SIGKILL, perhaps for want of memory'],
    ['exit 143', 143, 'exit code 143: killed by SIGTERM'],
    ['kill -9 $$', null, 'killed by SIGKILL, perhaps for want of memory'],
    ['kill -SEGV $$', null, 'killed by SIGSEGV'],
    ['kill -TERM $$', null, 'killed by SIGTERM'],
    ['exec /no/such/command', 127, 'exit code 127: the command was not found'],
  ])('fails a job that ends by `%s`', async (script, exitCode, reason) => {
    const name = `end-${script.replace(/\W+/g, '-').replace(/-$/, '')}`;
    expect(await bench.run(name, shell(script))).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      exitCode,
      reason,
    });
  });

  it('fails a job whose command is not there, and says so in the log', async () => {
    const state = await bench.run('no-command', processingJob(['no-such-command']));
    expect(state).toMatchObject({ status: 'failed', code: 'JobFailed', exitCode: 127 });
    expect(bench.log('no-command')).toContain('cannot run no-such-command: No such file or directory');
  });

  it('takes the reason from the failure file, up to 1,024 characters', async () => {
    const state = await bench.run(
      'failure',
      pythonJob(
        "import os; open(os.environ.get('SAGEMAKER_BASE_DIR','/opt/ml')+'/output/failure','w').write('ü'*3000); exit(3)",
      ),
    );
    expect(state).toMatchObject({
      status: 'failed',
      exitCode: 3,
      reason: `${'ü'.repeat(1024)} (exit code 3)`,
    });
  });

  it('hands over the first kilobyte of the message file', async () => {
    const state = await bench.run(
      'message',
      shell(`head -c 5000 /dev/zero | tr '\\0' m > ${base}/output/message`),
    );
    expect(state).toMatchObject({ status: 'succeeded', exitMessage: 'm'.repeat(1024) });
  });

  it('fails a job whose message is not UTF-8, as SageMaker does', async () => {
    const state = await bench.run('bad-message', shell(`printf 'a\\377b' > ${base}/output/message`));
    expect(state).toMatchObject({ status: 'failed', reason: '/opt/ml/output/message is not UTF-8' });
  });

  it('shows the end of any log, without control characters', async () => {
    const state = await bench.run(
      'log',
      shell("printf '\\033[31mred\\033[0m\\n\\377\\376bad\\n10%%\\r20%%\\r\\nlast'"),
    );
    expect(state).toMatchObject({ logTail: ['red', '\ufffd\ufffdbad', '20%', 'last'] });
  });

  it('reads only the end of a log, be it as long as a disk', async () => {
    await bench.run('long-log', shell('true'));
    const log = join(bench.jobsDir, 'long-log/log.txt');
    truncateSync(log, 2 ** 40);
    appendFileSync(log, `\n${'a line\n'.repeat(30_000)}end\n`);
    const state = await bench.describe('long-log');
    expect(state).toMatchObject({ logTail: { length: 20, 18: 'a line', 19: 'end' } });
  });

  it('gives the job an environment of its own', async () => {
    process.env.AWS_SECRET_ACCESS_KEY = 'worker-secret';
    const state = await bench.run(
      'environment',
      shell('env | sort; umask; ulimit -c >/dev/null; cat', {
        environment: { EXPLICIT: 'yes', AWS_REGION: 'eu-west-1' },
      }),
    );
    delete process.env.AWS_SECRET_ACCESS_KEY;
    expect(state.status).toBe('succeeded');
    const names = bench
      .log('environment')
      .split('\n')
      .map((line) => line.split('=')[0])
      .filter(Boolean);
    expect(names).toEqual(
      [
        ...[
          '0022',
          'AWS_REGION',
          'EXPLICIT',
          'HOME',
          'LANG',
          'PATH',
          'PROCESSING_JOB_NAME',
          'PWD',
          'PYTHONDONTWRITEBYTECODE',
          'PYTHONUNBUFFERED',
        ],
        ...(isolation === 'none' ? ['SAGEMAKER_BASE_DIR'] : []),
        'TMPDIR',
      ].sort((a, b) => (a === '0022' ? 1 : b === '0022' ? -1 : a < b ? -1 : 1)),
    );
    expect(bench.log('environment')).not.toContain('worker-secret');
  });

  it('passes hostile values on as they are', async () => {
    const hostile = [
      '"quotes" \'and\' `ticks`',
      'two\nlines',
      '$(touch /tmp/pwned) ; rm -rf "$HOME"',
      '',
      '-x',
      'ünïcode ☃ 😀',
      '\\n\\0',
    ];
    const job = processingJob(
      [
        'python3',
        '-c',
        'import json,os,sys; print(json.dumps([sys.argv[1:], os.environ["HOSTILE"]]))',
        ...hostile,
      ],
      { environment: { HOSTILE: hostile.join('') } },
    );
    await bench.run('hostile', job);
    expect(JSON.parse(bench.log('hostile'))).toEqual([hostile, hostile.join('')]);
  });

  it('refuses NUL in arguments before anything starts', async () => {
    await expect(bench.start('nul', processingJob(['echo', 'a\0b']))).rejects.toMatchObject({
      code: 'InvalidInput',
    });
    expect(existsSync(join(bench.jobsDir, 'nul'))).toBe(false);
  });

  it('shows input folders, and files below their own names', async () => {
    const folder = writeFiles(join(bench.folder, 'data set'), { 'a.csv': '1', 'deep/b.csv': '2' });
    const state = await bench.run(
      'inputs',
      shell(`cd ${base}/processing/input && cat folder/a.csv folder/deep/b.csv file/a.csv && pwd`, {
        inputs: { folder, file: join(folder, 'a.csv') },
      }),
    );
    expect(state.status).toBe('succeeded');
    expect(bench.log('inputs')).toBe(`121${optMl('inputs')}/processing/input\n`);
  });

  it.each([['is not there', 'missing', 'InvalidInput']])(
    'refuses an input that %s',
    async (_what, path, code) => {
      const job = shell('true', { inputs: { data: join(bench.folder, path) } });
      await expect(bench.start('no-input', job)).rejects.toMatchObject({ code });
      expect(existsSync(join(bench.jobsDir, 'no-input'))).toBe(false);
      expect(await bench.describe('no-input')).toEqual({ status: 'missing' });
    },
  );

  it('does not copy inputs', async () => {
    const input = join(bench.folder, `big-${isolation}`);
    mkdirSync(input);
    execFileSync('truncate', ['-s', '2G', join(input, 'big.bin')]);
    const job = shell(
      `stat -L -c %s ${base}/processing/input/data/big.bin ${base}/processing/input/one/big.bin`,
      {
        inputs: { data: input, one: join(input, 'big.bin') },
      },
    );
    expect((await bench.run('big', job)).status).toBe('succeeded');
    expect(bench.log('big')).toBe('2147483648\n2147483648\n');
    // A clone has the size, and takes no space.
    if (isolation === 'none' && clones(bench.folder)) return;
    expect(
      Number(
        execFileSync('du', ['-sk', '--apparent-size', join(bench.jobsDir, 'big')], {
          encoding: 'utf8',
        }).split('\t')[0],
      ),
    ).toBeLessThan(200);
  });

  it('writes the config files', async () => {
    await bench.run('config', shell(`cat ${base}/config/resourceconfig.json`));
    expect(JSON.parse(bench.log('config'))).toMatchObject({ current_host: 'algo-1', hosts: ['algo-1'] });
  });

  it('translates paths where there is no /opt/ml', async () => {
    const input = writeFiles(join(bench.folder, 'translate'), { 'a.txt': 'found\n' });
    const job = processingJob(['cat', '/opt/ml/processing/input/data/a.txt'], { inputs: { data: input } });
    await bench.run('translate', job);
    expect(bench.log('translate')).toBe('found\n');
  });

  it('hands outputs over whole, empty ones too', async () => {
    const outputs = { full: join(bench.folder, 'made/full'), empty: join(bench.folder, 'made/empty') };
    const state = await bench.run(
      'outputs',
      shell(
        `cd ${base}/processing/output && mkdir full/deep && echo x > full/deep/x && ln -s /etc/passwd full/link && ls`,
        { outputs },
      ),
    );
    expect(state.status).toBe('succeeded');
    expect(readdirSync(outputs.full)).toEqual(['deep']);
    expect(readFileSync(join(outputs.full, 'deep/x'), 'utf8')).toBe('x\n');
    expect(readdirSync(outputs.empty)).toEqual([]);
    expect(bench.log('outputs')).toContain('symbolic link');
  });

  it('hands nothing over when the job fails', async () => {
    const outputs = { out: join(bench.folder, 'never') };
    await bench.run('fails', shell(`echo x > ${base}/processing/output/out/x; exit 1`, { outputs }));
    expect(existsSync(outputs.out)).toBe(false);
  });

  it('fails when an output cannot be stored, and leaves none of them', async () => {
    const outputs = { a: join(bench.folder, 'first'), b: join(bench.folder, 'taken') };
    writeFiles(outputs.b, { old: 'x' });
    const state = await bench.run('taken', shell('true', { outputs }));
    expect(state).toMatchObject({ status: 'failed', code: 'StorageError' });
    expect(existsSync(outputs.a)).toBe(false);
    expect(readdirSync(outputs.b)).toEqual(['old']);
  });

  it('adopts a job of the same request and refuses another', async () => {
    await bench.start('adopt', shell('sleep 0.2'));
    await bench.start('adopt', shell('sleep 0.2'));
    await expect(bench.start('adopt', shell('sleep 0.3'))).rejects.toMatchObject({ code: 'SpecMismatch' });
    expect(await bench.ended('adopt')).toMatchObject({ status: 'succeeded' });
    await bench.start('adopt', shell('sleep 0.2'));
    expect(await bench.describe('adopt')).toMatchObject({ status: 'succeeded' });
  });

  it('starts a job once when two engines ensure it at once', async () => {
    const ledger = join(bench.folder, `ledger-${isolation}`);
    const engines = [bench, ...[1, 2, 3].map(() => createBench(isolation, { jobsDir: bench.jobsDir }))];
    for (let round = 0; round < 5; round++) {
      writeFileSync(ledger, '');
      const job = shell(`echo start >> ${ledger}; sleep 0.05`);
      await Promise.all(engines.map((each) => each.start(`race-${round}`, job)));
      expect(await bench.ended(`race-${round}`)).toMatchObject({ status: 'succeeded' });
      expect(readFileSync(ledger, 'utf8')).toBe('start\n');
    }
  });

  it.runIf(process.platform === 'linux')(
    'loses no job when the fork server is killed, and starts others',
    async () => {
      const own = createBench(isolation);
      const go = join(own.folder, 'go');
      await own.start('first', shell(`until [ -e ${go} ]; do sleep 0.05; done`));
      const first = supervisorOf(own, 'first');
      const servers = async () =>
        (await processesWith(join(own.jobsDir, '.pycache')))
          .map(({ pid }) => pid)
          .filter((pid) => pid !== first && !childrenOf(first).includes(pid));
      for (const name of ['second', 'third']) {
        await until(async () => (await servers()).length === 1);
        const [server] = await servers();
        // At once, so that the engine hears of it only when it asks for more.
        process.kill(server!, 'SIGKILL');
        expect((await own.run(name, shell('true'))).status).toBe('succeeded');
      }
      writeFileSync(go, '');
      expect((await own.ended('first')).status).toBe('succeeded');
    },
  );

  it('lists jobs and removes those that are over', async () => {
    const own = createBench(isolation);
    await own.run('over', shell('true'));
    await own.start('live', shell('sleep 60'));
    const states = (await listJobs(own.jobsDir, 'process')).map(({ name, state }) => [name, state]);
    expect(states).toEqual([
      ['live', 'running'],
      ['over', 'ended'],
    ]);
    expect(await removeJob(own.jobsDir, 'live')).toBe(false);
    expect(await removeJob(own.jobsDir, 'over')).toBe(true);
    expect(readdirSync(own.jobsDir).filter((name) => !name.startsWith('.'))).toEqual(['live']);
    await own.stop('live');
    await own.ended('live');
  });
});

describe('requests that the process engine cannot honour', () => {
  const { engine } = createBench('none');
  const good = shell('true');
  const withImage = (ImageUri: string) => ({
    ...good,
    body: { ...good.body, AppSpecification: { ...good.body.AppSpecification, ImageUri } },
  });
  const withPaths = (input: string, output: string) => {
    const job = shell('true', { inputs: { data: '/tmp' }, outputs: { out: '/tmp/out' } });
    job.body.ProcessingInputs[0]!.S3Input.LocalPath = input;
    job.body.ProcessingOutputConfig.Outputs[0]!.S3Output.LocalPath = output;
    return job;
  };
  const p = '/opt/ml/processing';

  it.each([
    ['more than one instance', shell('true', { instanceCount: 2 }), 'Unsupported'],
    ['an image of the user', withImage('me/image:1'), 'Unsupported'],
    ['an unknown framework', withImage('sluice/nothing:1'), 'Unsupported'],
    ['a framework that leaves the folder', withImage('sluice/..:1'), 'Unsupported'],
    ['an input elsewhere', withPaths('/etc', `${p}/out`), 'InvalidInput'],
    ['an input that leaves', withPaths(`${p}/../../../etc`, `${p}/out`), 'InvalidInput'],
    ['an output in an input', withPaths(`${p}/a`, `${p}/a/b`), 'Unsupported'],
    ['an output that is an input', withPaths(`${p}/a`, `${p}/a/`), 'Unsupported'],
  ])('are refused at once: %s', (_what, job, code) => {
    expect(() => {
      engine.check(job);
    }).toThrow(expect.objectContaining({ code }) as SluiceError);
  });

  it('are refused if the libraries of their framework are not here, and it is said how to get them', () => {
    const boosted = withImage('sluice/xgboost:1.7-1');
    const without = createBench('none', { frameworkPythons: { xgboost: null } });
    without.engine.check(good);
    expect(() => {
      without.engine.check(boosted);
    }).toThrow(
      expect.objectContaining({
        code: 'EngineUnavailable',
        retryable: false,
        message: expect.stringContaining('`npm run setup -- xgboost`') as string,
      }) as SluiceError,
    );
  });

  it('may be all others', () => {
    engine.check(good);
    engine.check(withImage('sluice/xgboost:1.7-1'));
    engine.check(withPaths(`${p}/a`, `${p}/ab`));
  });

  it('have names that stay in the folder', async () => {
    await expect(engine.describe({ engine: 'process', name: '../x' })).rejects.toMatchObject({
      code: 'InvalidInput',
    });
  });
});

it('creates the folder of jobs when it is first needed', async () => {
  const jobsDir = join(makeFolder(), 'a/b/jobs');
  const bench = createBench('none', { jobsDir });
  expect(await listJobs(jobsDir, 'process')).toEqual([]);
  await bench.start('first', shell('true'));
  await waitUntil('it is over', () => existsSync(join(jobsDir, 'first/exit.json')));
  expect(statSync(join(jobsDir, 'first/exit.json')).isFile()).toBe(true);
});
