import { Context } from '@temporalio/activity';
import { pathToFileURL } from 'node:url';
import type { ModelBody } from '../core/jobs.ts';
import type { ExecutionMode } from '../core/pipeline.ts';
import type { ResolvedSession } from '../core/session.ts';
import type { Dependencies, ModelUris } from './dependencies.ts';

export interface CreateModelInput extends ModelUris {
  name: string;
  /** The model, as each mode that needs it has it; `ModelDataUrl` is the target. */
  models: { mode: ExecutionMode; body: ModelBody }[];
  session: ResolvedSession | null;
  tags: Record<string, string>;
}

/** Puts the inference code into the archive that training left, and keeps the model under its name. Repeating it changes nothing. */
export async function createModel(
  deps: Dependencies,
  { name, models, session, tags, ...uris }: CreateModelInput,
): Promise<{ modelName: string }> {
  const signal = Context.current().cancellationSignal;
  await deps.repackModel(uris, session, signal);
  for (const { mode, body } of models) {
    if (mode === 'sagemaker' && session !== null)
      await deps.cloud(session).registry.createModel(name, body, { signal, tags });
    else await deps.registry.createModel(name, await withLocalData(deps, body, session, signal));
  }
  return { modelName: name };
}

/** Engines of this machine read the archive from its disk. */
async function withLocalData(
  deps: Dependencies,
  body: ModelBody,
  session: ResolvedSession | null,
  signal: AbortSignal,
): Promise<ModelBody> {
  const { ModelDataUrl } = body.PrimaryContainer;
  const path =
    session === null
      ? deps.storage.localPath(ModelDataUrl)
      : await deps.fetchToLocal(ModelDataUrl, session, signal);
  return {
    ...body,
    PrimaryContainer: { ...body.PrimaryContainer, ModelDataUrl: pathToFileURL(path).href },
  };
}
