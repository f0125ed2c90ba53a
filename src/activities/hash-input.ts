import { Context } from '@temporalio/activity';
import type { Dependencies } from './dependencies.ts';

export interface HashedInput {
  uri: string;
  sha256: string;
  bytes: number;
}

/** The content hash of the input data, for the lineage. Runs beside the jobs, so that large data delay none of them. */
export async function hashInput(deps: Dependencies, { uri }: { uri: string }): Promise<HashedInput> {
  const { cancellationSignal } = Context.current();
  return { uri, ...(await deps.hashData(deps.storage.localPath(uri), cancellationSignal)) };
}
