import type { ModelPackageRequest } from '../core/registry.ts';
import type { Dependencies } from './dependencies.ts';

export interface RegisteredModel {
  group: string;
  version: number;
  approvalStatus: string;
}

/** Adds a version to the model package group: one, however often this is tried for one run. */
export async function registerModel(
  deps: Dependencies,
  request: ModelPackageRequest,
): Promise<RegisteredModel> {
  const { group, version, approvalStatus } = await deps.registry.register(request);
  return { group, version, approvalStatus };
}
