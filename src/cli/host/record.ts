import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { HostFiles } from './files.ts';
import { isSameProcess } from './processes.ts';

const hostRecord = z.object({
  address: z.string(),
  uiUrl: z.string(),
  namespace: z.string(),
  taskQueue: z.string(),
  pid: z.int(),
  startMark: z.string().nullable(),
  /** `sluice dev`, which stays until Ctrl-C; otherwise it ends when nobody needs it. */
  lasting: z.boolean(),
  /** It gets one when somebody needs it. */
  hasWorker: z.boolean(),
  /** How its worker runs jobs, as the environment says that it was started in. */
  localEngine: z.string().optional(),
  isolation: z.string().optional(),
});
export type HostRecord = z.infer<typeof hostRecord>;

/** The host of this `.sluice/`, if one is there and takes clients. */
export function runningHost({ record }: HostFiles): HostRecord | null {
  try {
    const found = hostRecord.parse(JSON.parse(readFileSync(record, 'utf8')));
    return isSameProcess(found.pid, found.startMark) ? found : null;
  } catch {
    return null;
  }
}

export function writeRecord(files: HostFiles, record: HostRecord): void {
  const aside = `${files.record}.${process.pid}`;
  writeFileSync(aside, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(aside, files.record);
}

export function removeRecord({ record }: HostFiles): void {
  rmSync(record, { force: true });
}
