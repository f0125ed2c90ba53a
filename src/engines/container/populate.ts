import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { filesBelow } from '../local/inputs.ts';
import type { ContainerClient } from './client.ts';
import type { PlannedContainer, Shard } from './group.ts';
import { createPack } from './pack.ts';

/** Adds the entries of a model's archive below a folder. */
export type PackModel = (uri: string, pack: Pack, folder: string) => Promise<void>;

interface Content {
  /** Those that are not mounted. */
  inputs: PlannedContainer['inputs'];
  modelUri: string | null;
  packModel: PackModel;
  signal: AbortSignal;
}

/** Puts everything into a container that nobody else knows yet: one stream, read as the engine takes it. */
export async function populate(
  client: Pick<ContainerClient, 'putArchive'>,
  name: string,
  container: PlannedContainer,
  content: Content,
): Promise<void> {
  const pack = createPack();
  const stop = () => pack.destroy(content.signal.reason as Error);
  content.signal.addEventListener('abort', stop, { once: true });
  const filled = fill(pack, container, content).then(
    () => pack.finalize(),
    (error: unknown) => {
      pack.destroy(error as Error);
      throw error;
    },
  );
  const taken = client.putArchive(name, '/', Readable.from(pack)).catch((error: unknown) => {
    pack.destroy(error as Error);
    throw error;
  });
  const [filling, taking] = await Promise.allSettled([filled, taken]);
  content.signal.removeEventListener('abort', stop);
  content.signal.throwIfAborted();
  // What could not be read is to blame for the stream that broke off, or else the engine.
  if (filling.status === 'rejected' && taking.status === 'fulfilled') throw filling.reason;
  if (taking.status === 'rejected') {
    throw filling.status === 'rejected' && filling.reason !== taking.reason ? filling.reason : taking.reason;
  }
}

async function fill(pack: Pack, container: PlannedContainer, content: Content): Promise<void> {
  for (const folder of withParents(container))
    pack.entry({ name: inTar(folder), type: 'directory', mode: 0o777 });
  for (const [path, text] of Object.entries(container.files))
    pack.entry({ name: inTar(path), mode: 0o644 }, text);
  for (const input of content.inputs) {
    if (input.isFolder) await packFolder(pack, input.source, input.target, input.shard);
    else await packSingle(pack, input);
  }
  if (container.part?.kind === 'server' && content.modelUri !== null) {
    await content.packModel(content.modelUri, pack, inTar('/opt/ml/model'));
  }
}

/** Every folder down to those that are wanted; what the image itself has, `/opt` say, stays as it is. */
function withParents({ folders, files }: PlannedContainer): string[] {
  const all = new Set<string>();
  for (const folder of [...folders, ...Object.keys(files).map((path) => posix.dirname(path))]) {
    const parts = folder.split('/').slice(1);
    const first = parts[0] === 'opt' ? 2 : 1;
    for (let length = first; length <= parts.length; length += 1)
      all.add(`/${parts.slice(0, length).join('/')}`);
  }
  return [...all].sort();
}

async function packFolder(
  pack: Pack,
  source: string,
  target: string,
  { index, count }: Shard,
): Promise<void> {
  pack.entry({ name: inTar(target), type: 'directory', mode: 0o755 });
  const files = await filesBelow(source);
  for (const [number, { path, name }] of files.entries()) {
    if (number % count === index) await packFile(pack, path, `${target}/${name}`);
  }
}

/** Of a share the first host has the file; the others have the folder. */
async function packSingle(pack: Pack, { source, target, shard }: PlannedContainer['inputs'][number]) {
  pack.entry({ name: inTar(posix.dirname(target)), type: 'directory', mode: 0o755 });
  if (shard.index === 0) await packFile(pack, source, target);
}

async function packFile(pack: Pack, source: string, target: string): Promise<void> {
  const { size, mode, mtime } = await stat(source);
  // Readable for whoever the image's user is, as what SageMaker downloads.
  const entry = pack.entry({ name: inTar(target), size, mtime, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 });
  await pipeline(createReadStream(source, { highWaterMark: 1024 * 1024 }), entry);
}

/** Names in an archive are relative. */
const inTar = (path: string) => path.slice(1);
