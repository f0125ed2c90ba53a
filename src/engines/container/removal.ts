import type { ContainerClient } from './client.ts';
import { labels, networkName } from './group.ts';

/**
 * Removes the containers of a job, whatever state they are in, and its network: those that were made from this folder of jobs.
 * @param homeId - only those of the folder that has it; on another machine there may be one of the same path.
 */
export async function removeContainers(
  client: ContainerClient,
  job: string,
  home: string,
  homeId?: string,
): Promise<void> {
  const wanted = [`${labels.job}=${job}`, `${labels.home}=${home}`];
  if (homeId !== undefined) wanted.push(`${labels.homeId}=${homeId}`);
  const containers = await client.list(wanted);
  // Those that use a service's network go before it: Podman refuses to remove it otherwise.
  for (const last of [false, true]) {
    const those = containers.filter((container) => (container.labels[labels.role] === 'service') === last);
    await Promise.all(those.map(({ id }) => client.remove(id)));
  }
  // Few jobs have one; but of a job that was cut off nothing else may be left.
  await client.removeNetwork(networkName(job));
}
