import { readFile, realpath } from 'node:fs/promises';
import { isReadableByAll, leadsOutside, type FoundInput } from '../local/inputs.ts';
import type { ContainerClient, EngineSecurity } from './client.ts';
import { runsAsRoot, seesSame, sharesFiles, type Probed, type ProbedClient } from './shared-files.ts';
import type { Home } from './home.ts';
import type { ReadyImage } from './images.ts';

export type MountingClient = ProbedClient & Pick<ContainerClient, 'security'>;

/** Of these inputs the ones that the engine sees where they lie. All others are sent: to a remote engine, to a user who might not read them. */
export async function mountable<Input extends FoundInput>(
  { client, home }: { client: MountingClient; home: Pick<Home, 'folder'> },
  inputs: readonly Input[],
  image: ReadyImage,
): Promise<Input[]> {
  const seen: Input[] = [];
  for (const input of inputs) {
    if (await canBeMounted(client, home.folder, input.source, image)) seen.push(input);
  }
  return seen;
}

async function canBeMounted(
  client: MountingClient,
  jobsDir: string,
  source: string,
  image: ReadyImage,
): Promise<boolean> {
  const { labelsFiles, remapsUsers } = await securityOf(client);
  // Its containers may only read files with a label, and to label those of the user is not ours.
  if (labelsFiles || !(await isShared(client, jobsDir, source, image))) return false;
  const isAnybody = !runsAsRoot(image.user) || remapsUsers;
  if (isAnybody && !(await isReadableByAll(source))) return false;
  // In the container such a link would lead nowhere, or to something else.
  return !(await leadsOutside(source));
}

/** One answer a mount of this machine: the engine may see some of them, as with a worker that is in a container itself. */
async function isShared(
  client: MountingClient,
  jobsDir: string,
  source: string,
  image: ReadyImage,
): Promise<boolean> {
  const home = await askOnce(client, '', () => sharesFiles(client, jobsDir, image.reference));
  if (!home) return false;
  const mountPoints = await listMountPoints();
  const path = await realpath(source);
  const within = mountPointOf(await realpath(jobsDir), mountPoints);
  const others = mountPoints.filter((point) => point.startsWith(`${path}/`));
  const own = mountPointOf(path, mountPoints);
  if (own !== within) others.push(own);
  for (const point of others) {
    const probe = point === own ? path : point;
    if (!(await askOnce(client, point, () => seesSame(client, jobsDir, probe, image.reference))))
      return false;
  }
  return true;
}

const securities = new WeakMap<MountingClient, Promise<EngineSecurity>>();

/** Once a worker: what tells of it starts programs to find out their versions. */
async function securityOf(client: MountingClient): Promise<EngineSecurity> {
  const asked = securities.get(client) ?? client.security();
  securities.set(client, asked);
  try {
    return await asked;
  } catch (error) {
    securities.delete(client);
    throw error;
  }
}

const known = new WeakMap<MountingClient, Map<string, Promise<Probed>>>();

/** Once a worker, unless there is no answer. */
async function askOnce(client: MountingClient, point: string, ask: () => Promise<Probed>): Promise<boolean> {
  const answers = known.get(client) ?? new Map<string, Promise<Probed>>();
  known.set(client, answers);
  const asked = answers.get(point) ?? ask();
  answers.set(point, asked);
  const answer = await asked.catch((error: unknown) => {
    answers.delete(point);
    throw error;
  });
  if (answer === null) answers.delete(point);
  return answer === true;
}

/** None where the system does not tell. */
async function listMountPoints(): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return text
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point !== '')
    .map((point) =>
      point.replace(/\\(\d{3})/g, (_escape, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}

function mountPointOf(path: string, points: readonly string[]): string {
  const around = points.filter((point) => point === '/' || path === point || path.startsWith(`${point}/`));
  return around.reduce((longest, point) => (point.length > longest.length ? point : longest), '');
}
