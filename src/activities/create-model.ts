import { Context } from '@temporalio/activity';
import { pathToFileURL } from 'node:url';
import type { ModelBody } from '../core/jobs.ts';
import type { Dependencies } from './dependencies.ts';

export interface CreateModelInput {
  name: string;
  /** What training left. */
  artifactUri: string;
  codeUri: string;
  /** The model to create; its `ModelDataUrl` is where the archive with the code goes. */
  model: ModelBody;
}

/** Puts the inference code into the archive that training left, and keeps the model under its name. Repeating it changes nothing. */
export async function createModel(
  deps: Dependencies,
  { name, artifactUri, codeUri, model }: CreateModelInput,
): Promise<{ modelName: string }> {
  const { storage, registry } = deps;
  const target = storage.localPath(model.PrimaryContainer.ModelDataUrl);
  const signal = Context.current().cancellationSignal;
  await deps.repackModel(storage.localPath(artifactUri), storage.localPath(codeUri), target, signal);
  await registry.createModel(name, {
    PrimaryContainer: { ...model.PrimaryContainer, ModelDataUrl: pathToFileURL(target).href },
  });
  return { modelName: name };
}
