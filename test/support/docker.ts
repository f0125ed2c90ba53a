import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { commandDone } from './commands.ts';
import { describePart, missingPrograms } from './real-parts.ts';

/** The base of images/sklearn: the official image, or the stand-in of `scripts/testing/base-image.js` under its name. */
export const baseImage = /^ARG BASE_IMAGE=(\S+)$/m.exec(
  readFileSync(new URL('../../images/sklearn/Dockerfile', import.meta.url), 'utf8'),
)![1]!;

const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
export const dockerSocket = host.replace(/^unix:\/\//, '');

/** Undefined where a container engine answers and has the base image. */
export const whyNoDocker = await findReason();

const variable = 'SLUICE_REQUIRE_DOCKER';
/** For tests of a real container engine. */
export const describeDocker = describePart('a container engine', variable, whyNoDocker);

/** For tests that need programs of this machine besides. */
export function describeDockerAnd(...programs: string[]) {
  const reason = whyNoDocker ?? missingPrograms(...programs);
  return describePart(`a container engine and ${programs.join(', ')}`, variable, reason);
}

async function findReason(): Promise<string | undefined> {
  if (!host.startsWith('unix://')) return `DOCKER_HOST is ${host}; the tests need a unix socket`;
  try {
    const ping = await dockerApi('GET', '/_ping', undefined, 10);
    if (ping.status !== 200)
      return `the engine at ${dockerSocket} answers with ${ping.status}: ${ping.text()}`;
  } catch (error) {
    return `no engine answers at ${dockerSocket} (${String(error)})`;
  }
  const image = await dockerApi('GET', `/images/${baseImage}/json`);
  if (image.status === 200) return undefined;
  return `the engine has no ${baseImage}: pull it, or run \`node scripts/testing/base-image.js\``;
}

export interface Reply {
  status: number;
  body: Buffer;
  text(): string;
  json(): unknown;
}

/** One request to the engine. A body that is no Buffer is sent as JSON; a Buffer is a tar file. */
export function dockerApi(method: string, path: string, body?: object, timeoutSeconds = 600): Promise<Reply> {
  const isTar = Buffer.isBuffer(body);
  const content = isTar ? body : body === undefined ? '' : JSON.stringify(body);
  const headers = {
    'content-type': isTar ? 'application/x-tar' : 'application/json',
    'content-length': Buffer.byteLength(content),
  };
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: dockerSocket, method, path, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const answer = Buffer.concat(chunks);
        const text = () => answer.toString();
        resolve({ status: response.statusCode ?? 0, body: answer, text, json: () => JSON.parse(text()) });
      });
    });
    sent.on('error', reject);
    sent.end(content);
  });
}

/** The same, for a request that must succeed. @throws what the engine says. */
export async function dockerDo(method: string, path: string, body?: object): Promise<Reply> {
  const reply = await dockerApi(method, path, body);
  if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text()}`);
  return reply;
}

/**
 * Gives the base image to another engine, for no registry may be in reach.
 * @param folder - where the archive lies meanwhile. @param client - a client of that engine, as `docker -H …`.
 */
export async function giveBaseImage(folder: string, client: readonly [string, ...string[]]): Promise<void> {
  const archive = join(folder, 'base.tar');
  const [program, ...options] = client;
  await commandDone('docker', ['save', '--output', archive, baseImage]);
  await commandDone(program, [...options, 'load', '--input', archive]);
  await rm(archive);
}

export interface ListedContainer {
  Id: string;
  Names: string[];
  State: string;
  Labels: Record<string, string>;
}

/** Running and ended containers that carry this label, given as `name` or `name=value`. */
export async function listContainers(label: string): Promise<ListedContainer[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const reply = await dockerDo('GET', `/containers/json?all=1&filters=${filters}`);
  return reply.json() as ListedContainer[];
}

/** Names of the networks that carry this label. */
export async function listNetworks(label: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const reply = await dockerDo('GET', `/networks?filters=${filters}`);
  return (reply.json() as { Name: string }[]).map(({ Name }) => Name);
}

export async function removeContainers(label: string): Promise<void> {
  // 404 and 409: somebody else was quicker.
  const removals = (await listContainers(label)).map(({ Id }) =>
    dockerApi('DELETE', `/containers/${Id}?force=1&v=1`),
  );
  await Promise.all(removals);
}

/** Of a script in a shell: waits until {@link letGo}. */
export const held = 'until [ -e /go ]; do sleep 0.05; done';

/** Lets the script of a container go on that is {@link held}. */
export async function letGo(container: string): Promise<void> {
  const made = await dockerDo('POST', `/containers/${container}/exec`, { Cmd: ['sh', '-c', ': >/go'] });
  const { Id } = made.json() as { Id: string };
  await dockerDo('POST', `/exec/${Id}/start`, { Detach: true });
}

/** All that a container without a terminal wrote, standard output and standard error apart. */
export async function containerLog(id: string): Promise<{ stdout: string; stderr: string }> {
  const { body } = await dockerDo('GET', `/containers/${id}/logs?stdout=1&stderr=1`);
  return splitStreams(body);
}

/** The engine's frames: one byte that says which stream, three of nothing, four of length, the content. */
export function splitStreams(framed: Buffer): { stdout: string; stderr: string } {
  const chunks: Record<number, Buffer[]> = { 1: [], 2: [] };
  for (let at = 0; at < framed.length;) {
    const end = at + 8 + framed.readUInt32BE(at + 4);
    chunks[framed[at]!]?.push(framed.subarray(at + 8, end));
    at = end;
  }
  return { stdout: Buffer.concat(chunks[1]!).toString(), stderr: Buffer.concat(chunks[2]!).toString() };
}
