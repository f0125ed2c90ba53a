import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { expect } from 'vitest';
import type { RunReport } from '../../src/core/run.ts';
import { makeLedgerRoot, notedOf, notedOnce, openFileLedger, type Ledger } from './ledger.ts';
import { seeded } from './random.ts';
import { startServer, startWorkerProcess, type Running } from './stack.ts';
import { sleep } from './until.ts';

export interface KillPlan {
  seed: number;
  kills: number;
  /** Settings of the workers. */
  env?: Record<string, string>;
  /** One that the scripts reach; default: a file. */
  ledger?: (root: string) => Promise<Ledger>;
  /** What else is killed before a worker is. @returns how many. */
  alsoKill?: (root: string, random: () => number) => Promise<number>;
  /** Expects that nothing is left when all runs are over. */
  expectNothingLeft?: (root: string, address: string) => Promise<void>;
}

const runsAtOnce = 2;

/** A failing seed can be run again: SLUICE_SEED=… npm run test:long -- worker-kills. */
export const chosenSeed = () => Number(process.env.SLUICE_SEED ?? Math.floor(Math.random() * 1e9));

/** Kills workers at random times under runs that keep a ledger, and expects every job to have started once. */
export async function killWorkers({ seed, kills, env, ...plan }: KillPlan): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'sluice-kills-'));
  const ledger = await (plan.ledger?.(root) ?? openFileLedger(join(root, 'ledger.txt')));
  const server = await startServer({ dbFile: join(root, 'temporal.db') });
  const client = new Client({ connection: await Connection.connect({ address: server.address }) });
  const options = { root, address: server.address, env: { SLUICE_LOCAL_SLOTS: `${runsAtOnce}`, ...env } };
  let worker: Running | undefined;
  try {
    const random = seeded(seed);
    const pipeline = await makeLedgerRoot(root, ledger);
    const startOne = (run: string) =>
      client.workflow.start('trainingPipeline', {
        taskQueue: 'sluice',
        workflowId: run,
        args: [{ pipeline, parameters: { run } }],
      });
    worker = await startWorkerProcess(options);
    let done = 0;
    let others = 0;
    /** How often each activity was under way when a worker was killed. */
    const killedAt: Record<string, number> = {};
    while (done < kills) {
      const runs = Array.from({ length: runsAtOnce }, () => `run-${randomUUID()}`);
      const handles = await Promise.all(runs.map(startOne));
      let open = true;
      const results = Promise.all(handles.map((handle) => handle.result() as Promise<RunReport>)).finally(
        () => (open = false),
      );
      results.catch(() => undefined);
      while (open && done < kills) {
        await sleep(random() * 6000);
        if (!open) break;
        others += (await plan.alsoKill?.(root, random)) ?? 0;
        for (const name of await underWay(handles)) killedAt[name] = (killedAt[name] ?? 0) + 1;
        await worker.kill();
        done += 1;
        if (random() < 0.5) await sleep(random() * 3000);
        worker = await startWorkerProcess(options);
      }
      const reports = await results;
      expect(reports.map(({ outcome }) => outcome)).toEqual(runs.map(() => 'accepted'));
      const all = await ledger.entries();
      for (const run of runs) expect(notedOf(all, run), `ledger of ${run}, seed ${seed}`).toEqual(notedOnce);
    }
    const all = await ledger.entries();
    console.log(`${done} kills of workers, ${others} of others; ledger: ${JSON.stringify(notedOf(all))}`);
    console.log(`under way when a worker was killed (seed ${seed}):\n${histogram(killedAt)}`);
    await plan.expectNothingLeft?.(root, server.address);
    expect((await readdir(join(root, '.sluice', 'registry', 'packages', 'small', 'small'))).length).toBe(
      new Set(all.map(({ run }) => run)).size,
    );
  } finally {
    await worker?.stop();
    await ledger.close();
    await client.connection.close();
    await server.stop();
    await rm(root, { recursive: true, force: true });
  }
}

/** The activities that the runs have under way, by the name of their step; `none` between two. */
async function underWay(handles: readonly WorkflowHandle[]): Promise<string[]> {
  const found = await Promise.all(
    handles.map(async (handle) => {
      const { raw, status } = await handle.describe();
      if (status.name !== 'RUNNING') return [];
      const names = (raw.pendingActivities ?? []).map(({ activityType }) => activityType?.name ?? '?');
      return names.length === 0 ? ['none'] : names;
    }),
  );
  return found.flat();
}

function histogram(counts: Readonly<Record<string, number>>): string {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return rows
    .map(([name, count]) => `  ${name.padEnd(14)} ${String(count).padStart(3)} ${'#'.repeat(count)}`)
    .join('\n');
}
