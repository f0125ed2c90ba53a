import { SluiceError } from '../core/errors.ts';
import type { UnusedImages } from './container/unused-images.ts';
import type { LocalEngine } from './engine.ts';

/** The engine that takes the jobs of a run on this machine, and why. */
export interface Choice {
  engine: LocalEngine;
  reason: string;
}

export interface LocalEngines {
  process: LocalEngine;
  container: LocalEngine;
  /** Where the container engine answers. @throws SluiceError `EngineUnavailable` if none does. */
  findContainerEngine: () => Promise<string>;
  unusedImages: UnusedImages;
}

/** Asked anew for every run: a container engine may come and go. Jobs that run stay with the engine that they were given to. */
export async function chooseLocalEngine(
  wanted: 'auto' | 'process' | 'container',
  { process, container, findContainerEngine }: Omit<LocalEngines, 'unusedImages'>,
): Promise<Choice> {
  if (wanted === 'process') return { engine: process, reason: 'by SLUICE_LOCAL_ENGINE' };
  try {
    const found = await findContainerEngine();
    return {
      engine: container,
      reason: wanted === 'auto' ? `it answers at ${found}` : `by SLUICE_LOCAL_ENGINE, at ${found}`,
    };
  } catch (error) {
    if (wanted === 'container' || !(error instanceof SluiceError) || error.code === 'InvalidInput')
      throw error;
    return { engine: process, reason: error.message };
  }
}
