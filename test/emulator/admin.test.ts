import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from '../../src/emulator/ledger.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { folderPerTest } from '../support/folders.ts';
import { ask, trainingJob } from './client.ts';

const folder = folderPerTest();
let emulator: TestEmulator;
const ledgerFile = () => join(folder(), 'ledger.jsonl');
beforeEach(async () => (emulator = await openEmulator({ ledgerFile: ledgerFile() })));
afterEach(() => emulator.close());

async function admin(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${emulator.endpoint}/_emulator/${path}`, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}
const create = (name: string) => ask(emulator.endpoint, 'CreateTrainingJob', trainingJob(name));
const stateOf = async (TrainingJobName: string) =>
  (await ask(emulator.endpoint, 'DescribeTrainingJob', { TrainingJobName })).body.TrainingJobStatus;

describe('the admin API', () => {
  it('moves the clock', async () => {
    await create('job-1');
    const { body } = await admin('POST', 'clock', { advanceSeconds: 3600, speed: 0 });
    expect(body).toEqual({ time: new Date(emulator.emulator.clock.now()).toISOString(), speed: 0 });
    expect((await admin('GET', 'jobs')).body).toMatchObject([{ name: 'job-1', status: 'Completed' }]);
  });

  it('stops jobs as somebody at the console does, and lets them vanish', async () => {
    for (const name of ['a-1', 'a-2', 'b-1']) await create(name);
    expect((await admin('POST', 'jobs', { job: 'a-*', action: 'stop' })).body).toEqual(['a-1', 'a-2']);
    expect((await admin('POST', 'jobs', { job: '*', action: 'stop' })).body).toEqual(['b-1']);
    expect(await stateOf('a-1')).toBe('Stopping');
    await admin('POST', 'jobs', { job: 'b-1', action: 'vanish' });
    emulator.advance(3600);
    expect([await stateOf('a-1'), await stateOf('b-1')]).toEqual(['Stopped', undefined]);
  });

  it('adds, shows and removes faults and limits', async () => {
    await admin('POST', 'faults', { fault: 'throttle' });
    await admin('POST', 'faults', [{ fault: 'slow', seconds: 0 }]);
    expect((await admin('GET', 'faults')).body).toMatchObject([{ fault: 'throttle' }, { fault: 'slow' }]);
    expect((await create('job-1')).body.__type).toBe('ThrottlingException');
    await admin('DELETE', 'faults');
    await admin('PUT', 'limits', [{ operation: '*', perSecond: 1, burst: 1 }]);
    expect((await create('job-1')).status).toBe(200);
    expect((await create('job-2')).body.__type).toBe('ThrottlingException');
  });

  it('replaces the script', async () => {
    await admin('PUT', 'script', {
      jobs: [{ job: '*', life: { startingSeconds: 0, end: 'Failed', failAfter: 'Starting' } }],
    });
    await create('job-1');
    emulator.advance(1);
    expect(await stateOf('job-1')).toBe('Failed');
  });

  it.each([
    ['POST', 'faults', { fault: 'thunder' }, 400],
    ['POST', 'clock', { advanceSeconds: -1 }, 400],
    ['POST', 'jobs', '{', 400],
    ['GET', 'nothing', undefined, 404],
  ])('refuses %s %s with %j', async (method, path, body, expected) => {
    const { status, body: said } = await admin(method, path, body);
    expect(status).toBe(expected);
    expect(said).toHaveProperty('error');
  });
});

describe('the ledger', () => {
  it('has every call, every transition and every change of the emulator, in order, in the file as well', async () => {
    await create('job-1');
    await create('job_1');
    await admin('POST', 'clock', { advanceSeconds: 70 });
    const entries = (await admin('GET', 'ledger')).body as Entry[];
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(entries).toMatchObject([
      {
        event: 'request',
        operation: 'CreateTrainingJob',
        name: 'job-1',
        region: 'eu-west-1',
        accessKey: 'AKIATEST',
        input: trainingJob('job-1'),
        status: 200,
        error: null,
        committed: true,
        faults: [],
      },
      {
        event: 'request',
        name: 'job_1',
        status: 400,
        error: { code: 'ValidationException' },
        committed: false,
      },
      { event: 'admin', action: 'POST clock', detail: { advanceSeconds: 70 } },
      {
        event: 'transition',
        kind: 'Training',
        name: 'job-1',
        status: 'InProgress',
        secondaryStatus: 'Downloading',
      },
    ]);
    const created = Date.parse(entries[0]!.time);
    expect(Date.parse(entries[3]!.time) - created).toBe(60_000);
    const lines = readFileSync(ledgerFile(), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(entries);
    expect((await admin('GET', 'ledger?since=3')).body).toEqual(entries.slice(3));
  });
});
