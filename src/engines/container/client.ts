import { Agent, type AgentOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { RegistryCredentials } from './registry-auth.ts';
import { readProgress, type Progress } from './progress.ts';
import { ask, refusalStatus, unlessMissing } from './refusals.ts';
import type { CreateBody } from './requests.ts';

/** An image that the engine has. */
export interface ImageInfo {
  id: string;
  /** `USER` of the image; empty for root. */
  user: string;
}

export interface ContainerInfo {
  id: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  /** "created", "running", "exited", … */
  status: string;
}

export interface ListedContainer extends ContainerInfo {
  createdAt: Date;
}

export interface PathInfo {
  size: bigint;
  /** Since 1970. */
  mtimeNs: bigint;
  isFolder: boolean;
}

export interface EngineSecurity {
  /** By SELinux: a container reads files with the right label only. */
  labelsFiles: boolean;
  /** Root of a container is another user of the machine. */
  remapsUsers: boolean;
}

/** What the container engine is asked for, in our words: the only file that knows the library behind it. */
export interface ContainerClient {
  ping(): Promise<void>;
  security(): Promise<EngineSecurity>;
  findImage(image: string): Promise<ImageInfo | null>;
  /** The status by which the image's registry answers for it: 200, 401, 404; 500 if it isn't reached or wants to know who asks. */
  askRegistry(image: string, credentials: RegistryCredentials | null): Promise<number>;
  /** @throws SluiceError with a {@link refusalStatus} if the image cannot be had. */
  pull(image: string, credentials: RegistryCredentials | null, progress: Progress): Promise<void>;
  build(context: Readable, options: BuildOptions, progress: Progress): Promise<void>;
  listImages(label: string): Promise<ListedImage[]>;
  /** False, and does nothing, if a container needs it. */
  removeImage(tag: string): Promise<boolean>;
  /** False if there is a container of that name. */
  create(name: string, body: CreateBody): Promise<boolean>;
  /** False if there is another container of that name. */
  rename(name: string, to: string): Promise<boolean>;
  inspect(name: string): Promise<ContainerInfo | null>;
  list(labels: readonly string[]): Promise<ListedContainer[]>;
  /** Unpacks a tar stream in the container, started or not. */
  putArchive(name: string, folder: string, tar: Readable): Promise<void>;
  /** A tar stream of a file or folder of the container, started or not; null if there is none. */
  getArchive(name: string, path: string): Promise<Readable | null>;
  /** What is at a path of the container, started or not; null if nothing is. */
  statPath(name: string, path: string): Promise<PathInfo | null>;
  /** By name or id. Kills it if need be; no error if there is none. */
  remove(name: string): Promise<void>;
  createNetwork(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
  listNetworks(labels: readonly string[]): Promise<ListedNetwork[]>;
  /** No error if there is none, or somebody else has put something into it. */
  removeNetwork(name: string): Promise<void>;
}

export interface ListedImage {
  tags: readonly string[];
  createdAt: Date;
}

export interface ListedNetwork {
  labels: Readonly<Record<string, string>>;
  createdAt: Date;
}

export interface BuildOptions {
  tag: string;
  /** Its path in the context. */
  dockerfile: string;
  /** For the registry of the base image. */
  credentials: RegistryCredentials | null;
  buildArgs: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
}

/** How to reach an engine. */
export type Endpoint =
  { kind: 'socket'; path: string } | { kind: 'tcp'; host: string; port: number; tls: AgentOptions | null };

export async function createClient(endpoint: Endpoint): Promise<ContainerClient> {
  // Loaded when it is needed: it costs a worker without containers 150 ms.
  const { default: Library } = await import('dockerode');
  const docker = new Library(libraryOptions(endpoint));
  return { ...imageCalls(docker), ...containerCalls(docker), ...networkCalls(docker) };
}

/** Every one is given, or the library takes it from the environment. */
function libraryOptions(endpoint: Endpoint): Dockerode.DockerOptions {
  const tcp = endpoint.kind === 'tcp' ? endpoint : null;
  return {
    socketPath: endpoint.kind === 'socket' ? endpoint.path : undefined,
    host: tcp?.host,
    port: tcp?.port,
    protocol: tcp?.tls ? 'https' : 'http',
    username: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    ...(tcp?.tls && { agent: new Agent(tcp.tls) }),
  };
}

type ImageCalls = Pick<
  ContainerClient,
  'ping' | 'security' | 'findImage' | 'askRegistry' | 'pull' | 'build' | 'listImages' | 'removeImage'
>;

function imageCalls(docker: Dockerode): ImageCalls {
  return {
    ping: () => ask(() => docker.ping()).then(() => undefined),

    async security() {
      const { SecurityOptions } = (await ask(() => docker.info())) as { SecurityOptions?: string[] };
      const has = (name: string) =>
        (SecurityOptions ?? []).some((text) => text.split(',')[0] === `name=${name}`);
      return { labelsFiles: has('selinux'), remapsUsers: has('userns') };
    },

    async findImage(image) {
      // A name that cannot be one is nowhere either.
      const found = await unlessMissing(
        ask(() => docker.getImage(encodeURI(image)).inspect()),
        400,
      );
      return found && { id: found.Id, user: found.Config.User };
    },

    async pull(image, credentials, progress) {
      const options = { fromImage: image };
      const stream = await ask(() => docker.createImage(credentials ?? undefined, options));
      await readProgress(stream, progress);
    },

    async askRegistry(image, credentials) {
      try {
        await ask(() =>
          docker.getImage(encodeURI(image)).distribution({ authconfig: credentials ?? undefined }),
        );
        return 200;
      } catch (error) {
        return refusalStatus(error) ?? 500;
      }
    },

    async build(context, { tag, dockerfile, credentials, buildArgs, labels }, progress) {
      const content = { t: tag, dockerfile, buildargs: { ...buildArgs }, labels: { ...labels } };
      const options = { ...content, forcerm: true };
      const registryconfig = credentials === null ? {} : { [credentials.serveraddress]: credentials };
      // The library's types do not know of tokens.
      const withLogin = { ...options, registryconfig } as Dockerode.ImageBuildOptions;
      const stream = await ask(() => docker.buildImage(context, withLogin));
      await readProgress(stream, progress);
    },

    async listImages(label) {
      const found = await ask(() => docker.listImages({ filters: { label: [label] } }));
      return found.map(({ RepoTags, Created }) => ({
        tags: RepoTags ?? [],
        createdAt: new Date(Created * 1000),
      }));
    },

    removeImage: (tag) => removeTag(docker, tag),
  };
}

async function removeTag(docker: Dockerode, tag: string): Promise<boolean> {
  try {
    await unlessMissing(ask(() => docker.getImage(encodeURI(tag)).remove()));
    return true;
  } catch (error) {
    if (refusalStatus(error) === 409) return false;
    throw error;
  }
}

const createTries = 100;
const createPauseMs = 50;

type ContainerCalls = Omit<ContainerClient, keyof ImageCalls | keyof NetworkCalls>;

function containerCalls(docker: Dockerode): ContainerCalls {
  const container = (name: string) => docker.getContainer(encodeURIComponent(name));
  const isThere = async (name: string) =>
    (await unlessMissing(ask(() => container(name).inspect()))) !== null;
  return {
    async create(name, body) {
      for (let tries = 1; ; tries += 1) {
        try {
          await ask(() => docker.createContainer({ ...body, name }));
          return true;
        } catch (error) {
          // Docker says 409 and Podman 500, so the container itself tells.
          if (refusalStatus(error) !== null && (await isThere(name))) return false;
          // The name is taken, but not by a container that is there: somebody else's is just being made, or removed.
          if (refusalStatus(error) !== 409 || tries === createTries) throw error;
          await sleep(createPauseMs);
        }
      }
    },

    async rename(name, to) {
      try {
        await ask(() => container(name).rename({ name: to }));
        return true;
      } catch (error) {
        if (refusalStatus(error) !== null && (await isThere(to))) return false;
        throw error;
      }
    },

    async inspect(name) {
      const found = await unlessMissing(ask(() => container(name).inspect()));
      return found && { id: found.Id, name, labels: found.Config.Labels, status: found.State.Status };
    },

    async list(labels) {
      const found = await ask(() => docker.listContainers({ all: true, filters: { label: [...labels] } }));
      return found.map(({ Id, Names, Labels, State, Created }) => ({
        id: Id,
        name: (Names[0] ?? '').replace(/^\//, ''),
        labels: Labels,
        status: State,
        createdAt: new Date(Created * 1000),
      }));
    },

    async putArchive(name, folder, tar) {
      await ask(() => container(name).putArchive(tar, { path: folder }));
    },

    async getArchive(name, path) {
      const stream = await unlessMissing(ask(() => container(name).getArchive({ path })));
      return stream as Readable | null;
    },

    async statPath(name, path) {
      const asked = ask<IncomingMessage>(() => container(name).infoArchive({ path }));
      const answer = await unlessMissing(asked);
      return answer && readPathInfo(answer);
    },

    async remove(name) {
      await unlessMissing(
        ask(() => container(name).remove({ force: true, v: true })),
        409,
      );
    },
  };
}

/** Go's bit for it, the highest. */
const folderMode = 2 ** 31;

function readPathInfo(answer: IncomingMessage): PathInfo {
  answer.resume();
  const header = answer.headers['x-docker-container-path-stat'];
  const text = Buffer.from(String(header), 'base64').toString('utf8');
  const { size, mtime, mode } = JSON.parse(text) as { size: number; mtime: string; mode: number };
  const [, seconds = '', fraction = '', zone = ''] = /^(.{19})(?:\.(\d+))?(.+)$/.exec(mtime) ?? [];
  const mtimeNs = BigInt(Date.parse(seconds + zone)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  return { size: BigInt(size), mtimeNs, isFolder: mode >= folderMode };
}

type NetworkCalls = Pick<ContainerClient, 'createNetwork' | 'listNetworks' | 'removeNetwork'>;

function networkCalls(docker: Dockerode): NetworkCalls {
  return {
    async createNetwork(name, labels) {
      // The engine lets two networks have one name unless it is told to look.
      const options = { Name: name, CheckDuplicate: true, Labels: { ...labels } };
      await unlessMissing(
        ask(() => docker.createNetwork(options)),
        409,
      );
    },

    async listNetworks(wanted) {
      const found = await ask(() => docker.listNetworks({ filters: { label: [...wanted] } }));
      return found.map(({ Labels, Created }) => ({
        labels: Labels ?? {},
        createdAt: new Date(Created),
      }));
    },

    async removeNetwork(name) {
      await unlessMissing(
        ask(() => docker.getNetwork(name).remove()),
        403,
        409,
      );
    },
  };
}
