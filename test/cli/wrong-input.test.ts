import { existsSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createRoot, jsonFrom, type Ended } from './fixtures.ts';

const root = createRoot();
afterAll(() => root.remove());

/** One clear message on stderr, nothing for programs, no stack. */
function expectRefusal({ code, stdout, stderr }: Ended, message: RegExp): void {
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr.match(/^error: /gm)).toHaveLength(1);
  expect(stderr).not.toMatch(/^\s+at /m);
}

describe('a command that is called wrongly exits with 2', () => {
  it.each<[string, string[], RegExp]>([
    ['an unknown command', ['fly'], /unknown command 'fly'/],
    ['an unknown option', ['run', 'pipeline.json', '--fast'], /unknown option '--fast'/],
    ['no file', ['run'], /missing required argument 'file'/],
    ['an unknown mode', ['run', 'pipeline.json', '--mode', 'cloud'], /cloud/],
    ['a parameter without a value', ['run', 'pipeline.json', '--param', 'limit'], /name=value/],
    [
      'a parameter given twice',
      ['run', 'pipeline.json', '--param', 'limit=1', '--param', 'limit=2'],
      /given twice/,
    ],
    ['text for a Float', ['run', 'pipeline.json', '--param', 'limit=abc'], /limit.*Float.*abc/],
    ['an undeclared parameter', ['run', 'pipeline.json', '--param', 'nope=1'], /nope.*not declared.*limit/],
    ['a file that is not there', ['run', 'nowhere.json'], /nowhere\.json does not exist/],
    ['a folder for a file', ['run', 'code'], /is not a file/],
    ['an unknown step', ['logs', 'some-run', 'trian'], /no step "trian"; steps are preprocess/],
    ['an upload of nothing', ['upload', 'nowhere.csv'], /nowhere\.csv does not exist/],
    ['an unknown model', ['models', 'show', 'nowhere'], /no model package nowhere/],
    ['detaching without a server that stays', ['run', 'pipeline.json', '--detach'], /start `sluice dev`/],
  ])('%s', async (_, args, message) => {
    root.pipeline();
    expectRefusal(await root.sluice(...args), message);
    expect(root.host()).toBeNull();
  });

  it.each<[string, string[], RegExp]>([
    ['a parameter that is not declared', ['run', 'pipeline.json', '--param', 'nope=1', '--json'], /nope/],
    ['an unknown option', ['run', 'pipeline.json', '--fast', '--json'], /--fast/],
    ['detaching without a server', ['run', 'pipeline.json', '--detach', '--json'], /sluice dev/],
  ])('%s, as one object of JSON', async (_, args, message) => {
    root.pipeline();
    const ended = await root.sluice(...args);
    expect(ended.code, ended.stderr).toBe(2);
    expect(ended.stdout.trim().split('\n')).toHaveLength(1);
    expect(jsonFrom(ended)).toMatchObject({
      workflowId: null,
      runId: null,
      outcome: 'failed',
      metric: null,
      model: null,
      failure: { code: 'InvalidInput', message: expect.stringMatching(message) },
    });
    expect(ended.stderr).toMatch(message);
    expect(root.host()).toBeNull();
  });

  it.each(['status', 'logs', 'cancel'])(
    '%s of a run where no server has ever run, and starts none',
    async (command) => {
      const fresh = createRoot();
      expectRefusal(await fresh.sluice(command, 'some-run'), /no run "some-run": no server has run for /);
      expect(fresh.host()).toBeNull();
      await fresh.remove();
    },
  );

  it('a setting that is no number', async () => {
    const { ended } = root.start(['models', 'list'], { SLUICE_LOCAL_SLOTS: 'many' });
    expectRefusal(await ended, /SLUICE_LOCAL_SLOTS/);
  });
});

describe.each(['run', 'validate'] as const)('%s refuses', (command) => {
  it.each<[string, () => string, RegExp]>([
    [
      'a file that is not JSON, with line and column',
      () => root.write('bad.json', '{\n  "name": }\n'),
      /bad\.json cannot be read.*line 2,? column 11/,
    ],
    ['an empty file', () => root.write('bad.json', ''), /bad\.json cannot be read/],
    ['a list', () => root.write('bad.json', '[]'), /bad\.json/],
    [
      'a file of more than 256 KiB',
      () => root.write('bad.json', ' '.repeat(256 * 1024 + 1)),
      /262145 bytes.*at most 262144/,
    ],
    [
      'a file of 50 MB, without reading it',
      () => {
        const path = root.write('bad.json', '');
        truncateSync(path, 50_000_000);
        return path;
      },
      /50000000 bytes.*at most 262144/,
    ],
    [
      'an input that is a link out of the root',
      () => {
        const link = join(root.path, 'leaving.csv');
        if (!existsSync(link)) symlinkSync('/etc/hostname', link);
        return root.pipeline({
          preprocess: { entrypoint: ['true'], input: 'leaving.csv', outputs: ['train', 'test'] },
        });
      },
      /leaving\.csv/,
    ],
    ['an unknown key', () => root.pipeline({}, { stepz: {} }), /stepz/],
    [
      'a text where a Float is declared',
      () => root.pipeline({}, { parameters: { limit: { type: 'Float', default: '7' } } }),
      /limit/,
    ],
    ['a code folder that is not there', () => root.pipeline({}, { code: 'nowhere' }), /nowhere/],
    [
      'a script that is not there',
      () => root.pipeline({ createModel: { script: 'missing.py' } }),
      /missing\.py/,
    ],
  ])('%s', async (_, write, message) => {
    const ended = await root.sluice(command, write());
    if (command === 'validate') expectRefusal(ended, message);
    else expectRefusedRun(ended, message);
    expect(root.ledgerLines()).toEqual([]);
  });
});

/** What only the worker can see is told by the report of the run. */
function expectRefusedRun({ code, stdout, stderr }: Ended, message: RegExp): void {
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
}

describe('validate', () => {
  it('says what a good file holds', async () => {
    const { code, stdout, stderr } = await root.sluice('validate', root.pipeline(), '--param', 'limit=3.5');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/is valid: pipeline small, 6 steps \(preprocess, .*\), parameters limit=3\.5\n$/);
  });
});
