import { Context } from '@temporalio/activity';
import type { ModelPackageRequest } from '../core/registry.ts';
import type { ResolvedSession } from '../core/session.ts';
import type { Dependencies } from './dependencies.ts';

export interface RegisteredModel {
  group: string;
  version: number;
  approvalStatus: string;
}

/** Adds a version to the model package group: one, however often this is tried for one run. */
export async function registerModel(
  deps: Dependencies,
  { session, ...request }: ModelPackageRequest & { session: ResolvedSession | null },
): Promise<RegisteredModel> {
  const registry = session === null ? deps.registry : deps.cloud(session).registry;
  const { group, version, approvalStatus } = await registry.register(
    request,
    Context.current().cancellationSignal,
  );
  return { group, version, approvalStatus };
}
