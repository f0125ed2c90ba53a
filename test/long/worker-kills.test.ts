import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunReport } from '../../src/core/run.ts';
import { makeLedgerRoot, type Entry } from '../support/ledger.ts';
import { seeded } from '../support/random.ts';
import { startServer, startWorkerProcess, type Running, type Server } from '../support/stack.ts';
import { sleep } from '../support/until.ts';

/** A failing seed can be run again: SLUICE_SEED=… npm run test:long -- worker-kills. */
const seed = Number(process.env.SLUICE_SEED ?? Math.floor(Math.random() * 1e9));
const kills = Number(process.env.SLUICE_KILLS ?? 32);
const runsAtOnce = 2;

let root: string;
let server: Server;
let worker: Running | undefined;
let client: Client;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-kills-'));
  server = await startServer({ dbFile: join(root, 'temporal.db') });
  client = new Client({ connection: await Connection.connect({ address: server.address }) });
});
afterAll(async () => {
  await worker?.stop();
  await client.connection.close();
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

const startOne = (pipeline: unknown, run: string) =>
  client.workflow.start('trainingPipeline', {
    taskQueue: 'sluice',
    workflowId: run,
    args: [{ pipeline, parameters: { run } }],
  });

it(
  `starts every job once, whenever its worker is killed (seed ${seed}, ${kills} kills)`,
  { timeout: 40 * 60_000 },
  async () => {
    const random = seeded(seed);
    const { pipeline, entries } = await makeLedgerRoot(root);
    const options = { root, address: server.address, env: { SLUICE_LOCAL_SLOTS: `${runsAtOnce}` } };
    worker = await startWorkerProcess(options);
    let done = 0;
    while (done < kills) {
      const runs = Array.from({ length: runsAtOnce }, () => `run-${randomUUID()}`);
      const handles = await Promise.all(runs.map((run) => startOne(pipeline, run)));
      let open = true;
      const results = Promise.all(handles.map((handle) => handle.result() as Promise<RunReport>)).finally(
        () => (open = false),
      );
      results.catch(() => undefined);
      while (open && done < kills) {
        await sleep(random() * 6000);
        if (!open) break;
        await worker.kill();
        done += 1;
        if (random() < 0.5) await sleep(random() * 3000);
        worker = await startWorkerProcess(options);
      }
      const reports = await results;
      expect(reports.map(({ outcome }) => outcome)).toEqual(runs.map(() => 'accepted'));
      const all = await entries();
      for (const run of runs) expect(countsOf(all, run), `ledger of ${run}, seed ${seed}`).toEqual(once);
    }
    console.log(`${done} kills, ledger: ${JSON.stringify(summaryOf(await entries()))}`);
    expect((await readdir(join(root, '.sluice', 'registry', 'packages', 'small', 'small'))).length).toBe(
      new Set((await entries()).map(({ run }) => run)).size,
    );
  },
);

const once = {
  'preprocess start': 1,
  'preprocess end': 1,
  'train start': 1,
  'train end': 1,
  'evaluate start': 1,
  'evaluate end': 1,
  'serve start': 1,
};

function countsOf(entries: readonly Entry[], run: string): Record<string, number> {
  return summaryOf(entries.filter((entry) => entry.run === run));
}

function summaryOf(entries: readonly Entry[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { step, what } of entries) counts[`${step} ${what}`] = (counts[`${step} ${what}`] ?? 0) + 1;
  return counts;
}
