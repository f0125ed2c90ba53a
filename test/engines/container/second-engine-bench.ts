import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import { createConnector } from '../../../src/engines/container/connect.ts';
import {
  secondEngineHost,
  startSecondEngine,
  type SecondEngine,
  type SecondEngineSetting,
} from '../../support/second-engine.ts';
import { unset } from './docker-folder.ts';
import { createContainerBench, type ContainerBench } from './jobs.ts';

/**
 * A bench whose jobs run on an engine of its own, which is there while its tests run.
 * @param prepare - makes what that engine needs in its folder. @returns how it is started.
 */
export function createSecondEngineBench(
  name: string,
  prepare: (folder: string, bench: ContainerBench) => Omit<SecondEngineSetting, 'folder'>,
): ContainerBench {
  const folder = mkdtempSync(`/tmp/sluice-${name}-`);
  const bench = createContainerBench({
    connect: createConnector(unset(folder, { host: secondEngineHost(folder) })),
  });
  let engine: SecondEngine | undefined;
  beforeAll(async () => {
    engine = await startSecondEngine({ folder, ...prepare(folder, bench) });
  }, 120_000);
  afterAll(async () => {
    await engine?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return bench;
}
