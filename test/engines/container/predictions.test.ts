import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';
import { makePredictions } from '../../../src/engines/container/predictions.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-predictions-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the containers of drivers have: container → path → content. */
type Files = Record<string, Record<string, string>>;

/** An engine that hands out a folder as `PATH/.` and a file by its path, as Docker does. */
function engine(files: Files) {
  const archive = (entries: [string, string][]) => {
    const tar = pack();
    for (const [name, content] of entries) tar.entry({ name }, content);
    tar.finalize();
    return Readable.from(tar);
  };
  return {
    getArchive: (container: string, path: string) => {
      const all = Object.entries(files[container] ?? {});
      const prefix = path.endsWith('/.') ? path.slice(0, -1) : null;
      const found = all.filter(([name]) => (prefix === null ? name === path : name.startsWith(prefix)));
      const named = found.map(([name, content]): [string, string] => [
        prefix === null ? 'result.json' : name.slice(prefix.length),
        content,
      ]);
      return Promise.resolve(named.length === 0 ? null : archive(named));
    },
    statPath: () => Promise.resolve(null),
    inspect: () => Promise.resolve(null),
  };
}

async function predictions(name: string, files: Files) {
  const aside = join(folder, name);
  const place = { folder: '/sluice/output', containers: Object.keys(files) };
  const signal = new AbortController().signal;
  const reading = { client: engine(files), note: () => undefined, signal };
  const records = await makePredictions(place, aside, reading);
  return { records, names: readdirSync(aside).sort() };
}

describe('the predictions of a batch transform', () => {
  it('come in one stream with what each driver says of them, which is not handed over', async () => {
    const made = await predictions('hosts', {
      'a-job': {
        '/sluice/output/a.out': '1',
        '/sluice/output/result-algo-1.json': '{"records": 2}',
        // Of an input that is called like it.
        '/sluice/output/result-algo-2.json.out': 'x',
      },
      'a-job.algo-2': { '/sluice/output/b.out': '2', '/sluice/output/result-algo-2.json': '{"records": 3}' },
    });
    expect(made).toEqual({ records: 5, names: ['a.out', 'b.out', 'result-algo-2.json.out'] });
  });

  it('of a driver that an earlier version started are counted, too', async () => {
    const files = { 'a-job': { '/sluice/output/a.out': '1', '/sluice/result.json': '{"records": 4}' } };
    expect(await predictions('earlier', files)).toEqual({ records: 4, names: ['a.out'] });
  });

  it('are not none where the driver left no count', async () => {
    await expect(predictions('lost', { 'a-job': { '/sluice/output/a.out': '1' } })).rejects.toMatchObject({
      code: 'JobLost',
      message: 'the driver in a-job left no result',
    });
  });
});
