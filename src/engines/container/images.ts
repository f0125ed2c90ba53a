import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import tar from 'tar-stream';
import { SluiceError } from '../../core/errors.ts';
import type { LocalOptions } from '../../core/jobs.ts';
import { frameworkOf, scriptModeFolder } from '../framework.ts';
import { filesBelow } from '../local/inputs.ts';
import { readUnlessMissing } from '../local/job-folder.ts';
import type { ContainerClient } from './client.ts';
import { registryOf } from './image-registry.ts';
import type { RegistryCredentials } from './registry-auth.ts';
import { refusalStatus } from './refusals.ts';
import { createSharedWork } from './shared-work.ts';

/** An image that is there, as the engine calls it. */
export interface ReadyImage {
  reference: string;
  /** `USER` of the image; empty for root. */
  user: string;
}

export interface ImageOptions {
  client: ContainerClient;
  /** One folder a framework, with its Dockerfile, and `script-mode`; builds see those two. */
  frameworksDir: string;
  /** `BASE_IMAGE` of framework images; null for the Dockerfile's own. */
  baseImage: string | null;
  credentials: (image: string) => Promise<RegistryCredentials | null>;
}

export type PullPolicy = NonNullable<LocalOptions['pullPolicy']>;

export interface Images {
  /**
   * Builds a framework image, or pulls any other, unless it is there. Jobs that wait for the same image share the work, which goes
   * on when one of them is cancelled.
   * @throws SluiceError `ImageNotFound`, `AccessDenied`, `EngineUnavailable`.
   */
  ensure(
    image: string,
    policy: PullPolicy,
    tell: (phase: string) => void,
    signal: AbortSignal,
  ): Promise<ReadyImage>;
}

export function createImages(options: ImageOptions): Images {
  const { client } = options;
  const shared = createSharedWork('goes on');

  return {
    async ensure(image, policy, tell, signal) {
      const framework = frameworkOf(image);
      const reference =
        framework === null ? image : await frameworkTag(image, options.frameworksDir, options.baseImage);
      const there = await client.findImage(reference);
      if (there && (framework !== null || policy !== 'always')) return { reference, user: there.user };
      if (framework === null && policy === 'never') {
        throw new SluiceError('ImageNotFound', `${image} is not there, and pullPolicy is "never"`, {
          details: { image },
        });
      }
      const make = (tellAll: (phase: string) => void) =>
        framework === null ? pull(options, image, tellAll) : build(options, reference, framework, tellAll);
      await shared.join(reference, make, tell, signal);
      const made = await client.findImage(reference);
      if (made) return { reference, user: made.user };
      throw new SluiceError('ImageNotFound', `${image} is not there after it was made`, {
        details: { image },
      });
    },
  };
}

/** The tag says what is in the image: another content of what it is built from is another image. */
export async function frameworkTag(
  image: string,
  frameworksDir: string,
  baseImage: string | null,
): Promise<string> {
  const hash = createHash('sha256').update(baseImage ?? '');
  for (const { path, name } of await buildFiles(frameworksDir, frameworkOf(image) ?? '')) {
    const { mode } = await stat(path);
    const content = await readFile(path);
    hash.update(`\0${name}\0${(mode & 0o111) === 0 ? '-' : 'x'}\0${content.length}\0`).update(content);
  }
  return `${image}-${hash.digest('hex').slice(0, 12)}`;
}

/** What a framework image is built from: its folder, and what all frameworks share. */
async function buildFiles(frameworksDir: string, framework: string) {
  const folders = [framework, scriptModeFolder];
  const files = folders.map((folder) => filesBelow(join(frameworksDir, folder), `${folder}/`));
  return (await Promise.all(files)).flat();
}

/** Of the images that are built here; its value is their tag. */
export const frameworkLabel = 'sluice.framework';

/** A registry that does not answer gets so many tries, with so many milliseconds between. */
const pullPausesMs = [1000, 3000];

async function pull(options: ImageOptions, image: string, tell: (phase: string) => void): Promise<void> {
  const { client } = options;
  tell(`pulling ${image}`);
  const credentials = await options.credentials(image);
  for (const pauseMs of [...pullPausesMs, null]) {
    try {
      // Without a tag the engine would pull all of them.
      await client.pull(withTag(image), credentials, (line) => tell(`pulling ${image}: ${line}`));
      return;
    } catch (error) {
      if (refusalStatus(error) === null) throw error;
      const status =
        (refusalStatus(error) ?? 0) < 500
          ? refusalStatus(error)
          : await askRegistry(client, image, credentials);
      if (pauseMs === null || status !== 500) throw refusedPull(image, status, error as Error);
      tell(`pulling ${image}: trying again, after ${(error as Error).message}`);
      await sleep(pauseMs);
    }
  }
}

/** Only to somebody who says who they are does a registry that wants to know it answer with a status of its own. */
async function askRegistry(
  client: ContainerClient,
  image: string,
  credentials: RegistryCredentials | null,
): Promise<number> {
  const status = await client.askRegistry(image, credentials);
  if (status !== 500 || credentials !== null) return status;
  return client.askRegistry(image, {
    username: 'anonymous',
    password: '-',
    serveraddress: registryOf(image),
  });
}

function withTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? image : `${image}:latest`;
}

function refusedPull(image: string, status: number | null, { message }: Error): SluiceError {
  const code = status !== null && deniedStatuses.includes(status) ? 'AccessDenied' : 'ImageNotFound';
  return new SluiceError(code, `${image} cannot be pulled: ${message}`, { details: { image, status } });
}

async function build(
  options: ImageOptions,
  tag: string,
  framework: string,
  tell: (phase: string) => void,
): Promise<void> {
  const { client, frameworksDir, baseImage } = options;
  const dockerfile = `${framework}/Dockerfile`;
  tell(`building ${tag}`);
  const log: string[] = [];
  const progress = (line: string) => {
    log.push(line);
    // Ids of layers and of the engine's own containers.
    if (!line.startsWith('--->')) tell(`building ${tag}: ${line}`);
  };
  const buildArgs = baseImage === null ? {} : { BASE_IMAGE: baseImage };
  const labels = { [frameworkLabel]: tag };
  const base = baseImage ?? (await defaultBase(join(frameworksDir, dockerfile)));
  const credentials = base === null ? null : await options.credentials(base);
  try {
    const context = await buildContext(frameworksDir, framework);
    await client.build(context, { tag, dockerfile, credentials, buildArgs, labels }, progress);
  } catch (error) {
    if (refusalStatus(error) === null) throw error;
    const said = [...log.slice(-15), (error as Error).message].map((line) => `  ${line}`).join('\n');
    const code =
      base !== null && (await isDenied(client, base, credentials)) ? 'AccessDenied' : 'ImageNotFound';
    throw new SluiceError(code, `${tag} cannot be built from ${join(frameworksDir, framework)}:\n${said}`, {
      details: { image: tag, base },
    });
  }
}

/** The image that a Dockerfile is built on, unless another one is named; null if it does not say so in this way. */
async function defaultBase(dockerfile: string): Promise<string | null> {
  const text = (await readUnlessMissing(dockerfile)) ?? '';
  return /^ARG BASE_IMAGE=(\S+)$/m.exec(text)?.[1] ?? null;
}

/** Of a build the engine does not say with which status its base was refused; its registry does. */
async function isDenied(
  client: ContainerClient,
  base: string,
  credentials: RegistryCredentials | null,
): Promise<boolean> {
  if ((await client.findImage(base)) !== null) return false;
  return deniedStatuses.includes(await askRegistry(client, base, credentials));
}

const deniedStatuses = [401, 403];

async function buildContext(frameworksDir: string, framework: string): Promise<Readable> {
  const pack = tar.pack();
  for (const { path, name } of await buildFiles(frameworksDir, framework)) {
    const { mode } = await stat(path);
    pack.entry({ name, mode: mode & 0o777, mtime: new Date(0) }, await readFile(path));
  }
  pack.finalize();
  return Readable.from(pack);
}
