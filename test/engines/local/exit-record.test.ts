import { describe, expect, it } from 'vitest';
import { requestHash } from '../../../src/engines/local/request-hash.ts';
import { frameworkOf } from '../../../src/engines/framework.ts';
import { endedState, parseExit, type ExitRecord } from '../../../src/engines/local/exit-record.ts';
import { shell } from '../process/fixtures.ts';

const times = { startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:01.000Z' };
const request = shell('true', { maxRuntimeSeconds: 7 });
const blank = parseExit(JSON.stringify({ outcome: 'exited', ...times }))!;
const state = (record: Partial<ExitRecord>) => endedState({ ...blank, ...record }, request, ['line']);

describe('the end of a job in words', () => {
  it.each([
    [
      { exitCode: 0, message: 'hello' },
      { status: 'succeeded', exitMessage: 'hello', records: null },
    ],
    [
      { exitCode: 0, records: 4 },
      { status: 'succeeded', exitMessage: null, records: 4 },
    ],
    [
      { exitCode: 0, messageInvalid: true },
      { code: 'JobFailed', reason: '/opt/ml/output/message is not UTF-8' },
    ],
    [
      { exitCode: 2, failure: ' bad data \n' },
      { code: 'JobFailed', exitCode: 2, reason: 'bad data (exit code 2)' },
    ],
    [{ exitCode: 126 }, { code: 'JobFailed', reason: 'exit code 126: the command cannot be executed' }],
    [{ exitCode: 255 }, { code: 'JobFailed', reason: 'exit code 255' }],
    [
      { signal: 9, outOfMemory: true },
      {
        code: 'JobFailed',
        exitCode: null,
        reason: 'killed by SIGKILL; the kernel was out of memory and killed a process',
      },
    ],
    [
      { outcome: 'timedOut', signal: 15 },
      { code: 'JobTimedOut', reason: 'stopped after 7 s, its maximum run time' },
    ],
    [{ outcome: 'stopped', exitCode: 1 }, { status: 'stopped' }],
    [{ outcome: 'lost' }, { code: 'JobLost' }],
    [
      { outcome: 'startFailed', error: 'mount' },
      { code: 'JobFailed', reason: 'it could not be started: mount' },
    ],
    [{ outcome: 'startFailed', error: 'x', denied: true }, { code: 'AccessDenied' }],
    [
      { outcome: 'commitFailed', exitCode: 0, error: 'disk full' },
      { code: 'StorageError', reason: 'its outputs could not be stored: disk full' },
    ],
    [{ outcome: 'commitFailed', exitCode: 0, error: 'x', denied: true }, { code: 'AccessDenied' }],
  ] as [Partial<ExitRecord>, object][])('%j', (record, expected) => {
    expect(state(record)).toMatchObject({ ...expected, ...times, logTail: ['line'] });
  });

  it.each(['', '{', '{"outcome":"exited"}', '{"outcome":"new","startedAt":"","endedAt":""}'])(
    'needs a whole record, not %j',
    (text) => {
      expect(parseExit(text)).toBeNull();
    },
  );
});

describe('the hash of a request', () => {
  it('does not depend on the order of keys, but on everything else', () => {
    const reversed = Object.fromEntries(Object.entries(request).reverse()) as typeof request;
    expect(requestHash(reversed)).toBe(requestHash(request));
    expect(requestHash(shell('false', { maxRuntimeSeconds: 7 }))).not.toBe(requestHash(request));
    expect(requestHash({ ...request, tags: { a: 'b' } })).not.toBe(requestHash(request));
  });
});

it.each([
  ['sluice/sklearn:1.2-1', 'sklearn'],
  ['sluice/../x:1', null],
  ['sluice/sklearn', null],
  ['other/sklearn:1', null],
])('finds the framework of the image %s', (image, framework) => {
  expect(frameworkOf(image)).toBe(framework);
});
