import { expect, it } from 'vitest';
import type { Engine } from '../../../src/engines/engine.ts';
import type { S3Storage } from '../../../src/storage/storage.ts';
import { describeS3 } from '../../support/s3-server.ts';
import { until } from '../../support/until.ts';
import { base, shell } from '../process/fixtures.ts';
import { createLedger, createStage, never, see } from './fixtures.ts';

const stage = createStage();
const ml = `${base}/processing`;

/** Where a worker can die, in the order of its work. */
const places = [
  'before the input is looked for',
  'before the input is downloaded',
  'when the input is downloaded, but not at its place',
  'before the job is made',
  'when the job is made',
  'before the outputs are uploaded',
  'when half of the outputs are uploaded',
  'when all outputs are uploaded, and nobody knows',
] as const;
type Place = (typeof places)[number];

/** A worker that comes to a place and does no more, until it is told to go on. Its promise for the end of the job. */
function workerThatStops(at: Place, wait: (reached: Place) => Promise<unknown>): Engine {
  const { find, download, put } = stage.storage();
  const { ensure } = stage.bench.engine;
  let puts = 0;
  const stop = async (place: Place) => {
    if (at === place) await wait(place);
  };
  const storage: Pick<S3Storage, 'find' | 'download' | 'put'> = {
    async find(...parameters) {
      await stop('before the input is looked for');
      return find(...parameters);
    },
    async download(...parameters) {
      await stop('before the input is downloaded');
      await download(...parameters);
      await stop('when the input is downloaded, but not at its place');
    },
    async put(...parameters) {
      puts += 1;
      if (puts === 1) await stop('before the outputs are uploaded');
      await put(...parameters);
      if (puts === 1) await stop('when half of the outputs are uploaded');
      else await stop('when all outputs are uploaded, and nobody knows');
    },
  };
  const engine: Partial<Engine> = {
    async ensure(...parameters) {
      await stop('before the job is made');
      const ref = await ensure(...parameters);
      await stop('when the job is made');
      return ref;
    },
  };
  return stage.worker({ storage, engine });
}

function createJob() {
  const ledger = createLedger();
  const script = `${ledger.write}; for o in one two; do cat ${ml}/input/data/* > ${ml}/output/$o/all; done`;
  const parts = { inputs: { data: '/data' }, outputs: { one: '/o/one', two: '/o/two' } };
  return { ledger, job: stage.onS3(shell(script, parts)) };
}

const nameOf = (what: string, place: string) => `${what}-${places.indexOf(place as Place)}`;

async function expectWhole(name: string) {
  expect(stage.text('o/one/all')).toBe('1\n2\n');
  expect(stage.text('o/two/all')).toBe('1\n2\n');
  expect(stage.left(name)).toEqual(['ended.json', 'record.json']);
  expect((await stage.bench.describe(name)).status).toBe('succeeded');
}

describeS3('a worker that goes on with the job of another one', () => {
  it.each(places)('takes it over from one that died %s', async (place) => {
    await stage.putFiles({ 'data/a': '1\n', 'data/b': '2\n' });
    const { job, ledger } = createJob();
    const name = nameOf('died', place);
    let isDead = false;
    const dying = workerThatStops(place, () => {
      isDead = true;
      return never();
    });
    void see(dying, name, job);
    await until(() => isDead);
    expect(await see(stage.worker(), name, job)).toMatchObject({ status: 'succeeded' });
    await expectWhole(name);
    expect(ledger.count()).toBe(1);
  });

  it.each(places)('comes to the same end as one that stood still for a while %s', async (place) => {
    await stage.putFiles({ 'data/a': '1\n', 'data/b': '2\n' });
    const { job, ledger } = createJob();
    const name = nameOf('slept', place);
    let sleeps = false;
    let wake: () => void = () => undefined;
    const sleeping = see(
      workerThatStops(place, () => {
        sleeps = true;
        return new Promise<void>((resolve) => (wake = resolve));
      }),
      name,
      job,
    );
    await until(() => sleeps);
    const state = await see(stage.worker(), name, job);
    wake();
    expect(await sleeping).toEqual(state);
    await expectWhole(name);
    expect(ledger.count()).toBe(1);
  });

  it('goes on with the input that is there, whatever is on S3 by now', async () => {
    await stage.putFiles({ 'data/a': '1\n', 'data/b': '2\n' });
    const { job } = createJob();
    let isDead = false;
    const die = () => {
      isDead = true;
      return never();
    };
    void see(workerThatStops('when the job is made', die), 'changed', job);
    await until(() => isDead);
    await stage.putFiles({ 'data/a': 'other\n', 'data/c': 'more\n' });
    expect(await see(stage.worker(), 'changed', job)).toMatchObject({ status: 'succeeded' });
    await expectWhole('changed');
  });

  it('may be one of several at once', async () => {
    await stage.putFiles({ 'data/a': '1\n', 'data/b': '2\n' });
    const { job, ledger } = createJob();
    const states = await Promise.all([1, 2, 3, 4].map(() => see(stage.worker(), 'many', job)));
    expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(1);
    await expectWhole('many');
    expect(ledger.count()).toBe(1);
  });

  it('lets the next one go on when it is cancelled on its way', async () => {
    await stage.putFiles({ 'data/a': '1\n', 'data/b': '2\n' });
    const { job, ledger } = createJob();
    const shutdown = new AbortController();
    const { download } = stage.storage();
    const engine = stage.worker({
      storage: {
        download: async (...parameters) => {
          shutdown.abort(new Error('the worker shuts down'));
          await download(...parameters);
        },
      },
    });
    await expect(see(engine, 'cancelled', job, shutdown.signal)).rejects.toThrow('the worker shuts down');
    expect(stage.left('cancelled')).toEqual(['record.json']);
    expect(await see(stage.worker(), 'cancelled', job)).toMatchObject({ status: 'succeeded' });
    await expectWhole('cancelled');
    expect(ledger.count()).toBe(1);
  });
});
