import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import type { RunReport } from '../../src/core/run.ts';
import { makeLedgerRoot, notedOf, notedOnce, openFileLedger, type Ledger } from '../support/ledger.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** A call of the file system that the worker makes for its job or its model. */
interface Point {
  call: 'rename' | 'existsSync' | 'readFile' | 'link';
  when: 'before' | 'after';
  pattern: string;
}

const ofJob = (step: string): [string, Point][] => [
  [
    `before the folder of ${step} has its name`,
    { call: 'rename', when: 'before', pattern: `/jobs/\\.new-small-${step}-` },
  ],
  [
    `between create and start of ${step}`,
    { call: 'rename', when: 'after', pattern: `/jobs/\\.new-small-${step}-` },
  ],
  [
    `when the supervisor has just started ${step}`,
    { call: 'existsSync', when: 'before', pattern: `/jobs/small-${step}-[^/]*/exit\\.json$` },
  ],
  [
    `when ${step} has ended and nobody has read how`,
    { call: 'readFile', when: 'before', pattern: `/jobs/small-${step}-[^/]*/exit\\.json$` },
  ],
];

const around = (what: string, call: Point['call'], pattern: string): [string, Point][] => [
  [`before ${what}`, { call, when: 'before', pattern }],
  [`after ${what}`, { call, when: 'after', pattern }],
];

const points = [
  ...['preprocess', 'train', 'evaluate', 'transform'].flatMap(ofJob),
  ...around('the repacked model has its name', 'rename', '/model/model\\.tar\\.gz$'),
  ...around('the model is recorded', 'link', '/registry/models/'),
  ...around('the version is recorded', 'link', '/registry/packages/'),
];

// Random moments: worker-kills.test.ts.
describe.skipIf(process.platform !== 'linux')('a worker that is killed', () => {
  let stage: Stage;
  let ledger: Ledger;
  let pipeline: Record<string, Json>;
  beforeAll(async () => {
    stage = await openStage('kill-points');
    ledger = await openFileLedger(join(stage.folder, 'ledger.txt'));
    pipeline = await makeLedgerRoot(stage.folder, ledger);
  });
  afterAll(async () => {
    await ledger.close();
    await stage.close();
  });

  it.concurrent.each(points)(
    '%s starts no job twice and keeps no run from its end',
    { timeout: 600_000 },
    async (_, point) => {
      const run = `run-${randomUUID()}`;
      // Of its own, so that the point is met by this run's worker.
      const queue = { SLUICE_TASK_QUEUE: run };
      const done = join(stage.folder, `${run}.killed`);
      const first = await stage.startWorker({
        ...queue,
        KILL_AT: JSON.stringify({ ...point, done }),
        NODE_OPTIONS: `--import=${fileURLToPath(new URL('../support/kill-at.js', import.meta.url))}`,
      });
      const handle = await stage.client.workflow.start('trainingPipeline', {
        taskQueue: run,
        workflowId: run,
        args: [{ pipeline, parameters: { run } }],
      });
      await until(() => existsSync(done), 300);
      await first.kill();
      await stage.startWorker(queue);
      const report = (await handle.result()) as RunReport;
      expect(report.outcome).toBe('accepted');
      expect(notedOf(await ledger.entries(), run)).toEqual(notedOnce);
      const versions = await readdir(join(stage.home, 'registry/packages/small/small'));
      expect(versions).toContain(`${report.modelPackage!.version}.json`);
    },
  );
});
