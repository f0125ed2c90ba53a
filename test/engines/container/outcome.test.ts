import { describe, expect, it } from 'vitest';
import { decisive, exitRecord, type Outcome, type Words } from '../../../src/engines/container/outcome.ts';
import { endedState } from '../../../src/engines/local/exit-record.ts';

type Ended = Outcome['containers'][number];
const startedAt = '2026-01-01T00:00:00.000Z';
const endedAt = '2026-01-01T00:00:09.000Z';
const noWords: Words = { failure: null, message: null, messageInvalid: false };
const container = (facts: Partial<Ended> = {}): Ended => ({
  name: 'job',
  main: true,
  status: 'exited',
  error: null,
  missing: false,
  exitCode: 0,
  outOfMemory: false,
  signalled: false,
  ...facts,
});
const server = (facts: Partial<Ended> = {}) =>
  container({ name: 'job.server', main: false, exitCode: 143, signalled: true, ...facts });
const host = (number: number, facts: Partial<Ended> = {}) =>
  container({ name: `job.algo-${number}`, ...facts });
const outcome = (containers: Ended[], cause: Outcome['cause'] = null): Outcome => ({
  endedAt,
  cause,
  containers,
});

const record = (of: Outcome, words: Partial<Words> = {}) =>
  exitRecord(of, startedAt, { ...noWords, ...words });
const state = (of: Outcome, words: Partial<Words> = {}) =>
  endedState(record(of, words), { local: { maxRuntimeSeconds: 7, stopGraceSeconds: 1 } }, []);

const gone = { status: 'gone', exitCode: null } as const;
const unstarted = { status: 'created', exitCode: 0 } as const;

describe('the end of a job by what became of its containers', () => {
  it.each<[string, Outcome, object]>([
    ['exit code 0', outcome([container()]), { status: 'succeeded' }],
    ...[1, 2, 126, 127, 130, 137, 139, 143, 255].map((exitCode): [string, Outcome, object] => [
      `exit code ${exitCode}`,
      outcome([container({ exitCode })]),
      { status: 'failed', code: 'JobFailed', exitCode },
    ]),
    [
      'a kill for want of memory',
      outcome([container({ exitCode: 137, outOfMemory: true })]),
      { code: 'JobFailed', reason: expect.stringContaining('the kernel was out of memory') as string },
    ],
    [
      'the end of its time',
      outcome([container({ exitCode: 143, signalled: true })], 'timedOut'),
      { code: 'JobTimedOut', reason: 'stopped after 7 s, its maximum run time' },
    ],
    [
      'the end of its time, taken for success',
      outcome([container({ signalled: true })], 'timedOut'),
      { code: 'JobTimedOut' },
    ],
    ['a stop', outcome([container({ exitCode: 143, signalled: true })], 'stopped'), { status: 'stopped' }],
    ['a stop before its start', outcome([container(unstarted)], 'stopped'), { status: 'stopped' }],
    ['a stop by others', outcome([container({ exitCode: 143 })], 'stoppedByOthers'), { status: 'stopped' }],
    [
      'an engine that stopped',
      outcome([container({ exitCode: 137 })], 'interrupted'),
      { code: 'JobLost', exitCode: null, reason: expect.stringContaining('engine stopped') as string },
    ],
    [
      'a container that somebody removed',
      outcome([container(gone)]),
      { code: 'JobLost', exitCode: null, reason: expect.stringContaining('removed') as string },
    ],
    [
      'a container that could not be started',
      outcome([container({ ...unstarted, error: 'exec: "nope": executable file not found' })]),
      { code: 'JobFailed', reason: expect.stringContaining('"nope": executable file not found') as string },
    ],
    [
      'a container whose network somebody removed before its start',
      outcome([container({ ...unstarted, error: 'network x not found', missing: true })]),
      { code: 'JobLost', reason: 'it could not be started: network x not found' },
    ],
    [
      'an engine that stayed away',
      outcome([container(gone)], 'unreachable'),
      { code: 'JobLost', reason: 'the container engine did not answer any more' },
    ],
    ['a container that nobody started', outcome([container(unstarted)]), { code: 'JobLost' }],
    ['no container at all', outcome([]), { code: 'JobLost' }],
    ['a server that obeyed after the driver', outcome([server(), container()]), { status: 'succeeded' }],
    [
      'a server that ended by itself after the driver',
      outcome([server({ exitCode: 0, signalled: false }), container()]),
      { status: 'succeeded' },
    ],
    [
      'a server that died',
      outcome([server({ exitCode: 7, signalled: false }), container({ exitCode: 143, signalled: true })]),
      {
        code: 'JobFailed',
        exitCode: 7,
        reason: expect.stringContaining('The server ended with exit code 7') as string,
      },
    ],
    [
      'a server that left with code 0 too early',
      outcome([server({ exitCode: 0, signalled: false }), container({ exitCode: 143, signalled: true })]),
      { code: 'JobFailed', exitCode: 1, reason: expect.stringContaining('ended with exit code 0') as string },
    ],
    [
      'a server that ran out of memory',
      outcome([
        server({ exitCode: 137, signalled: false, outOfMemory: true }),
        container({ exitCode: 143, signalled: true }),
      ]),
      { exitCode: 137, reason: expect.stringContaining('out of memory') as string },
    ],
    [
      'a server that somebody removed',
      outcome([server({ ...gone, signalled: false }), container({ exitCode: 143, signalled: true })]),
      { code: 'JobFailed', reason: expect.stringContaining('The server was removed') as string },
    ],
    [
      'a server that could not be started',
      outcome([server({ ...unstarted, signalled: false, error: 'no serve' }), container(unstarted)]),
      { code: 'JobFailed', reason: expect.stringContaining('no serve') as string },
    ],
    [
      'a driver that failed with its server well',
      outcome([server(), container({ exitCode: 1 })]),
      { code: 'JobFailed', exitCode: 1, reason: 'exit code 1' },
    ],
    ['all hosts well', outcome([container(), host(2), host(3)]), { status: 'succeeded' }],
    [
      'the second host, which ended the others',
      outcome([
        container({ exitCode: 143, signalled: true }),
        host(2, { exitCode: 3 }),
        host(3, { exitCode: 137, signalled: true }),
      ]),
      { code: 'JobFailed', exitCode: 3, reason: expect.stringContaining('algo-2') as string },
    ],
    [
      'the first host, which ended the others',
      outcome([container({ exitCode: 3 }), host(2, { exitCode: 143, signalled: true })]),
      { exitCode: 3, reason: expect.stringContaining('algo-1') as string },
    ],
    [
      'a host that could not be started, before the others were',
      outcome([
        container({ exitCode: 143, signalled: true }),
        host(2, { ...unstarted, error: 'no such file' }),
        host(3, unstarted),
      ]),
      { code: 'JobFailed', reason: expect.stringContaining('no such file') as string },
    ],
    [
      'a host that somebody removed',
      outcome([container({ exitCode: 143, signalled: true }), host(2, gone)]),
      { code: 'JobLost' },
    ],
  ])('%s', (_what, of, expected) => {
    expect(state(of)).toMatchObject({ startedAt, endedAt, ...expected });
  });

  it('names the container that decides', () => {
    expect(decisive(outcome([server(), container()]))?.name).toBe('job');
    expect(decisive(outcome([container(), host(2, { exitCode: 1 })]))?.name).toBe('job.algo-2');
    expect(
      decisive(outcome([container({ exitCode: 143, signalled: true }), host(2, { exitCode: 1 })]))?.name,
    ).toBe('job.algo-2');
    expect(decisive(outcome([]))).toBeUndefined();
  });

  it('tells the words that the script left', () => {
    expect(state(outcome([container({ exitCode: 1 })]), { failure: 'no rows' })).toMatchObject({
      reason: 'no rows (exit code 1)',
    });
    expect(state(outcome([container()]), { message: 'all well' })).toMatchObject({
      exitMessage: 'all well',
    });
    expect(state(outcome([container()]), { messageInvalid: true })).toMatchObject({ code: 'JobFailed' });
    const two = outcome([container({ exitCode: 143, signalled: true }), host(2, { exitCode: 1 })]);
    expect(state(two, { failure: 'no rows' })).toMatchObject({ reason: 'algo-2: no rows (exit code 1)' });
  });
});
