import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { describeDocker, dockerSocket, held, letGo } from '../../support/docker.ts';
import { findProgram } from '../../support/real-parts.ts';
import { until } from '../../support/until.ts';
import {
  base,
  createBench,
  isolations,
  shell as processShell,
  trainingJob as processTraining,
} from '../process/fixtures.ts';
import {
  childCommand,
  createContainerBench,
  engineOptions,
  makeFolder,
  pythonJob,
  removeAll,
  shell,
  trainingJob,
  writeFiles,
} from './jobs.ts';

/** Kind, mode, owner, size, name and aim of every entry, without the time. */
function entries(archive: string): string[] {
  const text = execFileSync('tar', ['--numeric-owner', '--quoting-style=escape', '-tvzf', archive], {
    encoding: 'utf8',
  });
  const lines = text.trim().split('\n').filter(Boolean);
  return lines.map((line) => line.replace(/\s+\S+ \d\d:\d\d /, ' ').replace(/ +/g, ' ')).sort();
}

describeDocker('the outputs of a container', () => {
  const bench = createContainerBench();
  const output = (name: string) => join(bench.folder, 'outputs', name);
  const folderJob = (name: string, script: string, more = {}) =>
    shell(`cd /opt/ml/processing/output/out; ${script}`, { outputs: { out: output(name) }, ...more });

  it('of a training job are the archives that the process engine makes', async () => {
    const script = `mkdir model/code model/empty; echo m > model/model.joblib; echo c > model/code/inference.py
      echo .h > model/.hidden; chmod 600 model/.hidden; chmod 755 model/code/inference.py
      ln -s model.joblib model/latest; ln -s ../model.joblib model/code/up
      ln -s /etc/passwd model/leaves; ln -s ../../x model/code/leaves; mkfifo model/fifo
      ln model/model.joblib model/same; echo d > output/data/metrics.json`;
    expect(await bench.run('train', trainingJob(bench, script))).toMatchObject({ status: 'succeeded' });
    const model = entries(bench.trained('train', 'model.tar.gz'));
    expect(model.map((line) => line.split(' ').slice(3).join(' '))).toEqual(
      expect.arrayContaining(['.hidden', 'code/', 'code/inference.py', 'code/up -> ../model.joblib', 'same']),
    );
    for (const line of model) expect(line).toMatch(/^[-dl]\S+ 0\/0 /);

    const process = createBench(isolations[0]!);
    const folder = join(process.folder, 'models');
    await process.run('train', processTraining(['sh', '-ec', `cd ${base}; ${script}`], folder));
    expect(model).toEqual(entries(join(folder, 'train/output/model.tar.gz')));
    expect(entries(bench.trained('train', 'output.tar.gz'))).toEqual(
      entries(join(folder, 'train/output/output.tar.gz')),
    );
    const notes = (log: string) =>
      log
        .split('\n')
        .filter((line) => line.startsWith('sluice: '))
        .sort();
    expect(notes(bench.log('train'))).toHaveLength(3);
    expect(notes(bench.log('train'))).toEqual(notes(process.log('train')));
  });

  it('of a training job without output data are the model alone, be it empty', async () => {
    const scripts = {
      'model-only': 'true',
      'removed-data': 'echo d > output/data/d; rm output/data/d',
      'other-data': 'rm -r output/data',
    };
    for (const [name, script] of Object.entries(scripts)) {
      await bench.run(name, trainingJob(bench, script));
      expect(readdirSync(bench.trained(name, '.'))).toEqual(['model.tar.gz']);
      expect(entries(bench.trained(name, 'model.tar.gz'))).toEqual([]);
    }
  });

  it.each([
    ['one hidden file', 'touch output/data/.x', ['.x']],
    ['a folder, made anew', 'rm -r output/data; mkdir -p output/data/d', ['d/']],
    ['a copy with the times of a folder that the job was given', 'cp -a input/config/. output/data', null],
  ])('data of a training job are kept: %s', async (_, script, expected) => {
    const name = `data-${script.length}`;
    expect(await bench.run(name, trainingJob(bench, script))).toMatchObject({ status: 'succeeded' });
    const kept = entries(bench.trained(name, 'output.tar.gz')).map((line) => line.split(' ')[3]);
    expect(kept).toEqual(expected ?? expect.arrayContaining(['hyperparameters.json', 'resourceconfig.json']));
  });

  it('that lie beside each other are each what it would be alone', async () => {
    const names = ['filled', 'empty', 'linked', 'hidden'];
    const outputs = Object.fromEntries(names.map((name) => [name, output(`beside-${name}`)]));
    const script = `cd /opt/ml/processing/output; mkdir filled/deep; echo a > filled/deep/a; ln filled/deep/a hidden/.same
      rmdir linked; mkdir ../elsewhere; echo l > ../elsewhere/l; ln -s ../elsewhere linked
      mkdir scratch; echo s > scratch/s; echo t > filled.txt; ln scratch/s filled/kept`;
    expect(await bench.run('beside', shell(script, { outputs }))).toMatchObject({ status: 'succeeded' });
    const list = (name: string) => readdirSync(output(`beside-${name}`), { recursive: true }).sort();
    expect(Object.fromEntries(names.map((name) => [name, list(name)]))).toEqual({
      filled: ['deep', 'deep/a', 'kept'],
      empty: [],
      linked: ['l'],
      hidden: ['.same'],
    });
    expect(readFileSync(join(output('beside-filled'), 'kept'), 'utf8')).toBe('s\n');
    expect(readFileSync(join(output('beside-hidden'), '.same'), 'utf8')).toBe('a\n');
  });

  it('that lie beside each other on several hosts are put together, through links, too', async () => {
    const outputs = { one: output('hosts-one'), other: output('hosts-other') };
    const script = `cd /opt/ml/processing/output; hostname > other/$(hostname)
      if [ $(hostname) = algo-1 ]; then echo 1 > one/first; exit; fi
      rmdir one; mkdir ../elsewhere; echo 2 > ../elsewhere/second; ln -s ../elsewhere one`;
    const job = shell(script, { outputs, instanceCount: 2 });
    expect(await bench.run('beside-hosts', job)).toMatchObject({ status: 'succeeded' });
    expect(readdirSync(outputs.one).sort()).toEqual(['first', 'second']);
    expect(readdirSync(outputs.other).sort()).toEqual(['algo-1', 'algo-2']);
  });

  it.each([
    ['rm -r out', 'StorageError', /was removed by the job/],
    ['rm -r out; echo x > out', 'StorageError', /something else than a folder/],
    ['rm -r ../output', 'StorageError', /was removed by the job/],
  ])('that lie beside each other do not appear if one is not there: `%s`', async (script, code, reason) => {
    const name = `one-away-${script.length}`;
    const outputs = { out: output(`${name}-out`), other: output(`${name}-other`) };
    const job = shell(`cd /opt/ml/processing/output; echo o > other/o; ${script}`, { outputs });
    const state = await bench.run(name, job);
    expect(state).toMatchObject({ status: 'failed', code, reason: expect.stringMatching(reason) as string });
    for (const path of Object.values(outputs)) expect(existsSync(path)).toBe(false);
  });

  it('are not taken for empty when an input was removed, without which the engine opens nothing', async () => {
    const channel = writeFiles(join(bench.folder, 'removed-input'), { 'a.csv': 'a\n' });
    const job = trainingJob(bench, `echo whole > model/m; echo ready; ${held}`, {
      channels: { train: channel },
    });
    await bench.start('removed-input', job);
    await until(() => bench.log('removed-input').includes('ready'));
    rmSync(channel, { recursive: true });
    await letGo(bench.name('removed-input'));
    expect(await bench.ended('removed-input')).toMatchObject({
      status: 'failed',
      code: 'JobLost',
      reason: expect.stringContaining('was an input removed') as string,
    });
    expect(existsSync(bench.trained('removed-input', 'model.tar.gz'))).toBe(false);
  });

  it('that lie beside each other come in one stream, unless an input lies there, too', async () => {
    const asked: string[] = [];
    const { connect } = engineOptions(bench.folder, bench.jobsDir);
    const hearing = createContainerBench({
      connect: async () => {
        const connection = await connect();
        const getArchive: ContainerClient['getArchive'] = (container, path) => {
          asked.push(path);
          return connection.client.getArchive(container, path);
        };
        return { ...connection, client: { ...connection.client, getArchive } };
      },
    });
    const data = writeFiles(join(bench.folder, 'beside-input'), { x: '1' });
    for (const place of ['input', 'output']) {
      const outputs = { a: output(`${place}-a`), b: output(`${place}-b`) };
      const script = 'cd /opt/ml/processing/output; echo a > a/x; echo b > b/x';
      const job = shell(script, { inputs: { given: data }, outputs });
      job.body.ProcessingInputs[0]!.S3Input.LocalPath = `/opt/ml/processing/${place}/given`;
      expect(await hearing.run(place, job)).toMatchObject({ status: 'succeeded' });
    }
    const folder = '/opt/ml/processing/output';
    expect(asked.filter((path) => path.startsWith(folder))).toEqual([
      `${folder}/.`,
      `${folder}/a/.`,
      `${folder}/b/.`,
    ]);
  });

  it('are none when the job fails', async () => {
    await bench.run('fails', folderJob('fails', 'echo x > x; exit 3'));
    await bench.run('train-fails', trainingJob(bench, 'echo m > model/m; exit 3'));
    expect(existsSync(output('fails'))).toBe(false);
    expect(existsSync(bench.trained('train-fails', '.'))).toBe(false);
  });

  it('of a processing job are its folders, as the process engine hands them over', async () => {
    const script = `mkdir -p deep/er empty; echo x > deep/er/x; echo h > .hidden; echo s > secret; chmod 400 secret
      echo e > 'odd name, ü'; ln deep/er/x same; ln -s secret link; printf '#!/bin/sh' > run; chmod 755 run`;
    expect(await bench.run('folder', folderJob('folder', script))).toMatchObject({ status: 'succeeded' });
    const list = (folder: string) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => {
        const info = lstatSync(join(folder, name));
        const content = info.isFile() ? readFileSync(join(folder, name), 'utf8') : null;
        return [name, info.isFile(), content, (info.mode & 0o100) !== 0, info.uid];
      });
    const process = createBench(isolations[0]!);
    const other = join(process.folder, 'out');
    const inProcess = `cd ${base}/processing/output/out; ${script}`;
    await process.run('folder', processShell(inProcess, { outputs: { out: other } }));
    expect(list(output('folder')).sort()).toEqual(list(other).sort());
    expect(list(output('folder')).length).toBe(9);
    expect(bench.log('folder')).toContain(
      'left out of the output, because it is a symbolic link or a special file: link',
    );
  });

  it('that the job took away are missed, as by the process engine', async () => {
    const script = 'cd ..; rm -r out';
    const process = createBench(isolations[0]!);
    const other = join(process.folder, 'out');
    const inProcess = `cd ${base}/processing/output/out; ${script}`;
    const expected = { status: 'failed', code: 'StorageError' };
    expect(await process.run('away', processShell(inProcess, { outputs: { out: other } }))).toMatchObject(
      expected,
    );
    expect(await bench.run('away', folderJob('away', script))).toMatchObject(expected);
    expect(existsSync(output('away'))).toBe(false);
  });

  it('that the job made a file end it as failed', async () => {
    const state = await bench.run('file', folderJob('file', 'cd ..; rm -r out; echo x > out'));
    expect(state).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('something else than a folder') as string,
    });
    expect(existsSync(output('file'))).toBe(false);
  });

  it('with a hard link before much more data come whole', async () => {
    const script = 'echo a > a; ln a b; head -c 64000000 /dev/urandom > c; sha256sum < c';
    expect(await bench.run('hard', folderJob('hard', script), 50)).toMatchObject({ status: 'succeeded' });
    expect(readFileSync(join(output('hard'), 'b'), 'utf8')).toBe('a\n');
    const sum = createHash('sha256')
      .update(readFileSync(join(output('hard'), 'c')))
      .digest('hex');
    expect(bench.log('hard')).toContain(sum);

    const train = 'echo a > model/a; ln model/a model/b; head -c 64000000 /dev/urandom > model/c';
    expect(await bench.run('hard-train', trainingJob(bench, train), 50)).toMatchObject({
      status: 'succeeded',
    });
    expect(entries(bench.trained('hard-train', 'model.tar.gz'))).toEqual([
      '-rw-r--r-- 0/0 2 a',
      '-rw-r--r-- 0/0 2 b',
      '-rw-r--r-- 0/0 64000000 c',
    ]);
  });

  it('have names longer than the 100 bytes of old archives, and many of them', async () => {
    const long = 'n'.repeat(200);
    const script = `mkdir -p ${long}/${long}; echo deep > ${long}/${long}/${long}; seq 3000 | xargs touch`;
    expect(await bench.run('long', folderJob('long', script))).toMatchObject({ status: 'succeeded' });
    expect(readFileSync(join(output('long'), long, long, long), 'utf8')).toBe('deep\n');
    expect(readdirSync(output('long'))).toHaveLength(3001);
  });

  it('of several hosts are put together, the first host having the say', async () => {
    const script = `mkdir d; hostname > d/$(hostname); hostname > both
      if [ $(hostname) = algo-1 ]; then echo file > turns; else mkdir turns; echo x > turns/x; fi`;
    expect(await bench.run('hosts', folderJob('hosts', script, { instanceCount: 3 }))).toMatchObject({
      status: 'succeeded',
    });
    expect(readdirSync(output('hosts'), { recursive: true }).sort()).toEqual(
      ['both', 'd', 'd/algo-1', 'd/algo-2', 'd/algo-3', 'turns'].sort(),
    );
    expect(readFileSync(join(output('hosts'), 'both'), 'utf8')).toBe('algo-1\n');
    expect(readFileSync(join(output('hosts'), 'turns'), 'utf8')).toBe('file\n');
    const name = bench.name('hosts');
    for (const host of ['algo-2', 'algo-3']) {
      expect(bench.log('hosts')).toContain(
        `left out, because there is another of this name: both of ${name}.${host}`,
      );
      expect(bench.log('hosts')).toContain(`another of this name: turns/x of ${name}.${host}`);
    }

    const train =
      'hostname > model/$(hostname); hostname > model/both; mkdir model/d; hostname > model/d/$(hostname)';
    await bench.run('train-hosts', trainingJob(bench, train, { instanceCount: 2 }));
    expect(entries(bench.trained('train-hosts', 'model.tar.gz')).map((line) => line.split(' ')[3])).toEqual([
      'algo-1',
      'algo-2',
      'both',
      'd/algo-1',
      'd/algo-2',
      'd/',
    ]);
  });

  it('cannot be stored where something is in the way, and nothing of them stays', async () => {
    const folder = writeFiles(join(bench.folder, 'way'), { file: '' });
    const job = (path: string) => shell('true', { outputs: { out: join(folder, path) } });
    expect(await bench.run('way', job('file/out'))).toMatchObject({ status: 'failed', code: 'StorageError' });
    expect(await bench.run('there', job('file'))).toMatchObject({ status: 'failed', code: 'StorageError' });
    expect(readdirSync(folder)).toEqual(['file']);
    expect(
      readdirSync(join(bench.jobsDir, bench.name('way'))).filter((name) => name.startsWith('commit')),
    ).toEqual([]);
  });

  it('appear whole on another file system, and what was aside is gone', async () => {
    const folder = makeFolder('/dev/shm');
    const job = pythonJob("open('/opt/ml/processing/output/out/x', 'w').write('x' * 5_000_000)", {
      outputs: { out: join(folder, 'deep/out') },
    });
    expect(await bench.run('far', job)).toMatchObject({ status: 'succeeded' });
    expect(statSync(join(folder, 'deep/out/x')).size).toBe(5_000_000);
    expect(readdirSync(join(folder, 'deep'))).toEqual(['out']);
  });

  it.runIf(
    process.getuid?.() === 0 && existsSync('/usr/bin/python3') && findProgram('setpriv') !== undefined,
  )('belong to the user of the worker, who need not be root', async () => {
    const folder = makeFolder();
    const own = { ...bench, folder, jobsDir: join(folder, 'jobs') };
    writeFiles(join(folder, 'jobs'), {});
    const input = writeFiles(join(folder, 'input'), { 'a.csv': 'private\n' });
    chmodSync(join(input, 'a.csv'), 0o600);
    execFileSync('chown', ['-R', '1234:1234', folder]);
    const script = `cd /opt/ml/processing; cp input/data/a.csv output/out; mkdir output/out/d
        chown 0:0 output/out/a.csv; chmod 0 output/out/a.csv; touch output/out/d/x; chown 77 output/out/d/x`;
    const job = shell(script, { inputs: { data: input }, outputs: { out: join(folder, 'out') } });
    const { command, args } = childCommand(own, 'user', job, '/usr/bin/python3');
    const groups = `--groups=${statSync(dockerSocket).gid}`;
    const run = ['--reuid=1234', '--regid=1234', groups, command, ...args];
    const { stdout } = await promisify(execFile)('setpriv', run).finally(() => removeAll(own.jobsDir));
    expect(stdout).toContain('"status":"succeeded"');
    for (const name of ['.', 'a.csv', 'd', 'd/x']) expect(statSync(join(folder, 'out', name)).uid).toBe(1234);
    const found = execFileSync('find', [folder, '-uid', '0'], { encoding: 'utf8' });
    expect(found).toBe('');
    expect(readFileSync(join(folder, 'out/a.csv'), 'utf8')).toBe('private\n');
  });
});
