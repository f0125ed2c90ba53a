import { Context } from '@temporalio/activity';
import type { ResolvedSession } from '../core/session.ts';
import type { Content, Fingerprint } from '../storage/storage.ts';
import type { Dependencies } from './dependencies.ts';

export type HashedInput = { uri: string } & (Content | Fingerprint);

/** A hash of more would take all of it through the worker. */
const mostBytes = 1024 ** 3;

/**
 * The content hash of the input data, for the lineage; of more than a gigabyte on S3 the version. Runs beside the jobs, so that large
 * data delay none of them.
 */
export async function hashInput(
  deps: Pick<Dependencies, 'storage' | 'cloud'>,
  { uri, session }: { uri: string; session: ResolvedSession | null },
  limit = mostBytes,
): Promise<HashedInput> {
  const { cancellationSignal } = Context.current();
  if (session === null) return { uri, ...(await deps.storage.hash(uri, cancellationSignal)) };
  const { storage } = deps.cloud(session);
  const version = await storage.fingerprint(uri, cancellationSignal);
  return { uri, ...(version.bytes > limit ? version : await storage.hash(uri, cancellationSignal)) };
}
