import type { ModelBody } from '../core/jobs.ts';
import type { ModelPackage, ModelPackageRequest } from '../core/registry.ts';

/** Models and their versions. */
export interface Registry {
  /**
   * Keeps a model under its name; the same model again is no error. @param options - the tags are for AWS.
   * @throws SluiceError `SpecMismatch` for another one.
   */
  createModel(name: string, model: ModelBody, options?: CreateModelOptions): Promise<void>;
  /** Adds a version to the group, or returns the one that this client token made. */
  register(request: ModelPackageRequest, signal?: AbortSignal): Promise<RegisteredVersion>;
}

export interface CreateModelOptions {
  signal?: AbortSignal;
  tags?: Readonly<Record<string, string>>;
}

export interface RegisteredVersion {
  group: string;
  version: number;
  approvalStatus: string;
}

/** The registry of this machine, which the local engines look models up in. */
export interface LocalRegistry extends Registry {
  /** @throws SluiceError `InvalidInput` when there is none of that name. */
  findModel(name: string): Promise<ModelBody>;
  register(request: ModelPackageRequest): Promise<ModelPackage>;
  /** Every version, by pipeline, group and version. */
  list(): Promise<ModelPackage[]>;
}
