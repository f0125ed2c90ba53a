import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { isRecord, reasonOf } from './outside-data.ts';

/** What the Docker CLI remembers of one registry. `auth` is Base64 of `user:password`. */
export interface StoredLogin {
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
}

/** The part of Docker's `config.json` that we look at. */
export interface DockerConfig {
  file: string;
  currentContext: string | null;
  auths: ReadonlyMap<string, StoredLogin>;
  credHelpers: ReadonlyMap<string, string>;
  credsStore: string | null;
}

/**
 * Docker's `config.json`; an empty one if there is none. @throws SluiceError `InvalidInput` that names file and key but
 * never quotes, for there are passwords in it.
 */
export async function readDockerConfig(folder: string): Promise<DockerConfig> {
  const file = join(folder, 'config.json');
  const root = await readJsonObject(file);
  if (root === null) {
    return { file, currentContext: null, auths: new Map(), credHelpers: new Map(), credsStore: null };
  }
  return {
    file,
    currentContext: textAt(file, root, 'currentContext'),
    auths: new Map(
      Object.entries(objectAt(file, root, 'auths')).map(([registry, login]) => [
        registry,
        storedLogin(file, registry, login),
      ]),
    ),
    credHelpers: new Map(
      Object.entries(objectAt(file, root, 'credHelpers')).map(([registry, helper]) => {
        if (typeof helper !== 'string') throw damaged(file, `credHelpers["${registry}"] is not a text`);
        return [registry, helper];
      }),
    ),
    credsStore: textAt(file, root, 'credsStore'),
  };
}

/** The object in a file, null if there is no file. @throws SluiceError `InvalidInput`, `AccessDenied`. */
export async function readJsonObject(file: string): Promise<Record<string, unknown> | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === 'ENOENT' || reason === 'ENOTDIR') return null;
    if (reason === 'EACCES' || reason === 'EPERM') {
      throw new SluiceError('AccessDenied', `${file} may not be read by the user of the worker`);
    }
    throw damaged(file, `it cannot be read (${reason})`);
  }
  const value = parseJson(file, text);
  if (!isRecord(value)) throw damaged(file, 'it is not a JSON object');
  return value;
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The words of JSON.parse quote the text, and that may be a password.
    throw damaged(file, 'it is not JSON');
  }
}

function textAt(file: string, root: Record<string, unknown>, key: string): string | null {
  const value = root[key] ?? '';
  if (typeof value !== 'string') throw damaged(file, `${key} is not a text`);
  return value === '' ? null : value;
}

function objectAt(file: string, root: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = root[key] ?? {};
  if (!isRecord(value)) throw damaged(file, `${key} is not an object`);
  return value;
}

function storedLogin(file: string, registry: string, value: unknown): StoredLogin {
  if (!isRecord(value)) throw damaged(file, `auths["${registry}"] is not an object`);
  const login: StoredLogin = {};
  for (const key of ['auth', 'username', 'password', 'identitytoken'] as const) {
    const text = value[key] ?? '';
    if (typeof text !== 'string') throw damaged(file, `auths["${registry}"].${key} is not a text`);
    if (text !== '') login[key] = text;
  }
  return login;
}

/** What is wrong with a file of Docker's, and what to do. */
export function damaged(file: string, what: string): SluiceError {
  return new SluiceError(
    'InvalidInput',
    `${file} cannot be used: ${what}; mend it, or point DOCKER_CONFIG to another folder`,
  );
}
