import type { ExecutionMode } from '../core/pipeline.ts';
import type { Engine } from '../engines/engine.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { Registry } from '../registry/registry.ts';
import type { FileStorage } from '../storage/storage.ts';

/** What activities need, constructed by `worker.ts`. */
export interface Dependencies {
  engines: Partial<Record<Engine['name'], Engine>>;
  /** The engine for a new run's jobs of a mode. Null if this worker has none. */
  chooseEngine: (mode: ExecutionMode) => Promise<Engine | null>;
  storage: FileStorage;
  registry: Registry;
  notifier: Notifier;
  /** Whether this namespace has Sluice's search attributes. */
  searchAttributes: boolean;
  /** Finds what a location of the pipeline file names. @throws SluiceError `InvalidInput` or `Unsupported`. */
  findInput(what: string, location: string): Promise<{ path: string; isFolder: boolean }>;
  /** Content hash of a file or folder, read once, in constant memory. */
  hashData(path: string, signal: AbortSignal): Promise<{ sha256: string; bytes: number }>;
  /** Copies a model archive with the code put in, whole or not at all. */
  repackModel(archive: string, codeFolder: string, target: string, signal: AbortSignal): Promise<void>;
}
