import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { ApplicationFailure } from '@temporalio/common';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { extract } from 'tar-stream';
import { projectFolder } from '../../src/config.ts';
import type { RunReport } from '../../src/core/run.ts';
import { bucketName, type CloudStage } from '../support/cloud-stage.ts';
import type { AuditedRun, Evidence } from './evidence.ts';
import type { PlannedRun } from './plan.ts';
import { rehash } from './uploads.ts';

export interface StartedRun {
  planned: PlannedRun;
  /** Of this run, and of no other with the same workflow id. */
  handle: WorkflowHandle;
  runId: string;
  /** Runs that were reset and that this one goes on for, oldest first. */
  before: readonly string[];
  wasCancelled: boolean;
}

// Of replays, only what goes wrong.
Runtime.install({ logger: new DefaultLogger('ERROR') });

/** As histories spell them. */
const statuses: Readonly<Record<string, AuditedRun['status']>> = {
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
  CANCELLED: 'CANCELED',
  TERMINATED: 'TERMINATED',
};

/** What Temporal says of a run. */
export async function lookAtRun(
  { planned, handle, runId, before, wasCancelled }: StartedRun,
  toCloudTime: (date: Date) => string,
): Promise<Omit<AuditedRun, 'replayProblem'>> {
  const { status, closeTime } = await handle.describe();
  const isOpen = closeTime === undefined;
  const result: unknown = isOpen ? null : await handle.result().catch((error: unknown) => error);
  const failure = (result as Partial<WorkflowFailedError> | null)?.cause as ApplicationFailure | undefined;
  const verdict = failure?.details?.[0] as { value?: number } | undefined;
  const metric = status.name === 'COMPLETED' ? (result as RunReport).metric?.value : verdict?.value;
  return {
    runId,
    before,
    status: isOpen ? null : (statuses[status.name] ?? null),
    closedAt: isOpen ? null : toCloudTime(closeTime),
    wasCancelled,
    code: failure?.type ?? null,
    metric: metric ?? null,
    threshold: planned.threshold,
    reported: planned.reported,
    jobsAllowed: planned.jobsAllowed,
    steps: planned.steps,
  };
}

/** Whether the histories replay on the workflows as they are built. @returns by run id, what is against it. */
export async function replay(runs: readonly StartedRun[]): Promise<Map<string, string>> {
  const histories = async function* () {
    // The history of a run that was reset begins with the id of the run before: it is told apart by what it is called here.
    for (const { handle, runId } of runs) yield { workflowId: runId, history: await handle.fetchHistory() };
  };
  const workflowBundle = { codePath: join(projectFolder, 'dist', 'workflow-bundle.js') };
  const problems = new Map<string, string>();
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories()))
    if (error !== undefined) problems.set(workflowId, error.message);
  return problems;
}

export function packagesIn({ emulator }: CloudStage): Evidence['packages'] {
  const all = emulator.emulator.store.regions().flatMap(({ packages }) => packages.all());
  return all.map(({ group, version, input }) => {
    const properties = input.CustomerMetadataProperties as Record<string, string> | undefined;
    return { group: group ?? '', version: version ?? 0, runId: properties?.['temporal.run_id'] ?? '' };
  });
}

/** @param needed - what every model must hold. @param senders - of the parts of uploads, by upload. */
export async function lookAtStorage(
  { s3 }: CloudStage,
  needed: readonly string[],
  senders: ReadonlyMap<string, string>,
): Promise<Evidence['storage']> {
  const all = await s3.keys(bucketName);
  const uploads = await rehash(join(s3.folder, bucketName), all);
  const keys = all.filter((key) => key.startsWith('sluice/runs/'));
  const models: { key: string; damage: string | null }[] = [];
  for (const key of keys.filter((one) => one.endsWith('/model/model.tar.gz')))
    models.push({ key, damage: await damageOf(join(s3.folder, bucketName, key), needed) });
  const unfinished = await unfinishedUploads(join(s3.folder, bucketName), senders);
  return { keys, models, uploads, unfinished };
}

/** Opens an archive to its end. */
async function damageOf(file: string, needed: readonly string[]): Promise<string | null> {
  const names: string[] = [];
  const archive = extract();
  archive.on('entry', ({ name }, stream, next) => {
    names.push(name.replace(/^\.\//, ''));
    stream.on('end', next).resume();
  });
  try {
    await pipeline(createReadStream(file), createGunzip(), archive);
  } catch (error) {
    return (error as Error).message;
  }
  const missing = needed.filter((name) => !names.includes(name));
  return missing.length === 0 ? null : `${missing.join(', ')} is not in it`;
}

/** The server keeps the parts of each upload in a folder of its own, by the hash of the key. */
async function unfinishedUploads(
  bucket: string,
  senders: ReadonlyMap<string, string>,
): Promise<Evidence['storage']['unfinished']> {
  const folder = join(bucket, '.sgwtmp', 'multipart');
  const objects = await readdir(folder).catch(() => []);
  const uploads = await Promise.all(
    objects.map(async (object) => (await readdir(join(folder, object))).map((id) => join(object, id))),
  );
  return Promise.all(
    uploads.flat().map(async (upload) => ({
      key: upload,
      parts: (await readdir(join(folder, upload))).filter((name) => /^\d+$/.test(name)).length,
      by: senders.get(basename(upload)) ?? null,
    })),
  );
}
