import { SluiceError } from '../../core/errors.ts';
import type { LocalJob } from '../engine.ts';
import type { ContainerClient } from './client.ts';
import { labels } from './group.ts';

/** Containers and networks of ours whose job folder is gone. None if there is no engine to ask: then they are not in anybody's way either. */
export async function listOrphans(
  reach: () => Promise<{ client: ContainerClient }>,
  home: string,
  known: ReadonlySet<string>,
): Promise<LocalJob[]> {
  try {
    const { client } = await reach();
    const orphans = new Map<string, LocalJob>();
    for (const { labels: tags, status, createdAt } of await client.list([`${labels.home}=${home}`])) {
      const name = tags[labels.job];
      if (name === undefined || known.has(name)) continue;
      const isRunning = status === 'running' || orphans.get(name)?.state === 'running';
      orphans.set(name, { name, tags, createdAt, state: isRunning ? 'running' : 'ended' });
    }
    // Who was cut off early, or removed the containers by hand, leaves the network alone.
    for (const { labels: tags, createdAt } of await client.listNetworks([`${labels.home}=${home}`])) {
      const name = tags[labels.job];
      if (name === undefined || known.has(name) || orphans.has(name)) continue;
      orphans.set(name, { name, tags, createdAt, state: 'ended' });
    }
    return [...orphans.values()];
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'EngineUnavailable') return [];
    throw error;
  }
}
