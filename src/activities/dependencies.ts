import type { Framework } from '../core/pipeline.ts';
import type { Engine } from '../engines/engine.ts';
import type { SweepOptions, SweepReport } from '../core/sweep.ts';
import type { InstanceCaps } from '../core/instance-slots.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResolvedSession, SessionSettings } from '../core/session.ts';
import type { FileStorage, S3Storage, Storage } from '../storage/storage.ts';

/** What a run with a session has in AWS. */
export interface Cloud {
  engine: Engine;
  storage: S3Storage;
  registry: Registry;
  /** The local engine, for jobs whose data are on S3. */
  stage(engine: Engine): Engine;
}

/** What activities need, constructed by `worker.ts`. */
export interface Dependencies {
  engines: Partial<Record<Engine['name'], Engine>>;
  /** The name of this machine as a place for jobs. */
  host: string;
  /** The engine for a new run's jobs on this machine. */
  chooseLocalEngine: () => Promise<Engine>;
  storage: FileStorage;
  registry: Registry;
  /** Finds out what the file leaves open, and looks whether it is there. @throws SluiceError before anything runs. */
  openSession(settings: SessionSettings, signal: AbortSignal): Promise<ResolvedSession>;
  cloud(session: ResolvedSession): Cloud;
  /** Stops jobs of SageMaker that no open run needs. */
  sweep(options: SweepOptions, signal: AbortSignal): Promise<SweepReport>;
  /** The URI of AWS's own image. @throws SluiceError `Unsupported` if there is none in the region. */
  frameworkImage(framework: Framework, region: string): string;
  /** The path of a copy on this machine of what an s3:// URI names, made once for the same content. */
  fetchToLocal(uri: string, session: ResolvedSession | null, signal: AbortSignal): Promise<string>;
  /** How many instances of a type may be used at once. */
  instanceCaps: InstanceCaps;
  notifier: Notifier;
  /** The Web UI of the server, without a slash at its end; null if it is not known. */
  uiUrl: string | null;
  /** Whether this namespace has Sluice's search attributes. */
  hasSearchAttributes(): Promise<boolean>;
  /** Finds what a location of the pipeline file names. @throws SluiceError `InvalidInput` or `Unsupported`. */
  findInput(what: string, location: string): Promise<{ path: string; isFolder: boolean }>;
  /** Copies a model archive with the code put in, whole or not at all. */
  repackModel(model: ModelUris, session: ResolvedSession | null, signal: AbortSignal): Promise<void>;
}

export interface ModelUris {
  /** `model.tar.gz` as training left it. */
  artifactUri: string;
  codeUri: string;
  targetUri: string;
}

/** Where the data of a run is. */
export function storageOf(deps: Dependencies, session: ResolvedSession | null): Storage {
  return session === null ? deps.storage : deps.cloud(session).storage;
}
