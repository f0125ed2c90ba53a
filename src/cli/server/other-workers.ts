import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config.ts';
import { SluiceError } from '../../core/errors.ts';
import { hostFiles } from '../host/files.ts';
import { hasLeases, patienceMs, yieldMs } from '../host/leases.ts';
import { runningHost, type HostRecord } from '../host/record.ts';
import type { Tell } from '../output.ts';

/**
 * A worker runs jobs of its machine as the environment said that it was started in. A run that asks for another way does not join the
 * host of other runs, which ends after them; `sluice dev` stays, and decides.
 * @throws SluiceError `ServiceUnavailable` if that host does not end.
 */
export async function letOtherWorkersEnd(config: Config, tell: Tell): Promise<void> {
  const files = hostFiles(config.home);
  const begun = Date.now();
  for (let isTold = false; ; isTold = true) {
    const record = runningHost(files);
    if (record === null || record.lasting) return;
    const settings = otherSettings(config, record).filter(({ wanted }) => wanted !== 'auto');
    if (settings.length === 0) return;
    const worker = `the server at ${record.address}, whose worker was started with ${inWords(settings)}`;
    if (!isTold) tell(`Waiting for the end of ${worker}`);
    if (Date.now() - begun > (hasLeases(files) ? yieldMs : patienceMs)) {
      const names = settings.map(({ name }) => name).join(' and ');
      throw new SluiceError(
        'ServiceUnavailable',
        `Another \`sluice\` uses ${worker}; wait until it has ended, or unset ${names} to join it`,
      );
    }
    await sleep(100);
  }
}

/** Says whose choice it is how the jobs of this run are run, where it is not this command's. */
export function tellOfOtherWorker(config: Config, tell: Tell): void {
  const record = runningHost(hostFiles(config.home));
  if (record === null) return;
  // Who starts `sluice dev` in some way means all runs.
  const settings = otherSettings(config, record).filter(({ wanted }) => !record.lasting || wanted !== 'auto');
  if (settings.length > 0) tell(`Jobs are run as its worker was told when it started: ${inWords(settings)}`);
}

interface Setting {
  name: string;
  /** Of the worker; not known of one of an older version. */
  its: string | undefined;
  wanted: string;
}

function otherSettings({ localEngine, isolation }: Config, record: HostRecord): Setting[] {
  const engine = { name: 'SLUICE_LOCAL_ENGINE', its: record.localEngine, wanted: localEngine };
  const process = { name: 'SLUICE_PROCESS_ISOLATION', its: record.isolation, wanted: isolation };
  return (localEngine === 'container' ? [engine] : [engine, process]).filter(
    ({ its, wanted }) => its !== undefined && its !== wanted,
  );
}

const inWords = (settings: readonly Setting[]) =>
  settings.map(({ name, its, wanted }) => `${name}=${its} (here: ${wanted})`).join(', ');
