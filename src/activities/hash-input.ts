import { Context } from '@temporalio/activity';
import type { ResolvedSession } from '../core/session.ts';
import { storageOf, type Dependencies } from './dependencies.ts';

export interface HashedInput {
  uri: string;
  sha256: string;
  bytes: number;
}

/** The content hash of the input data, for the lineage. Runs beside the jobs, so that large data delay none of them. */
export async function hashInput(
  deps: Dependencies,
  { uri, session }: { uri: string; session: ResolvedSession | null },
): Promise<HashedInput> {
  const { cancellationSignal } = Context.current();
  return { uri, ...(await storageOf(deps, session).hash(uri, cancellationSignal)) };
}
