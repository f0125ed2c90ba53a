import { askCredentialHelper, type HelperAnswer } from './credential-helper.ts';
import { damaged, readDockerConfig, type DockerConfig, type StoredLogin } from './docker-config.ts';
import { ecrRegionOf, registryNamed, registryOf } from './image-registry.ts';

/** What the engine's API takes in `X-Registry-Auth`. Secret: for nobody's log. */
export type RegistryCredentials =
  | { username: string; password: string; serveraddress: string }
  | { identitytoken: string; serveraddress: string };

export interface RegistryAuthOptions {
  /** The folder of Docker's `config.json`. */
  configFolder: string;
  /** A token for the private registries of Amazon ECR in a region. @throws SluiceError `AccessDenied`, `ServiceUnavailable`. */
  ecrLogin: (region: string) => Promise<{ username: string; password: string }>;
}

/**
 * The credentials for pulling an image, null if there are none: those of Docker's configuration, as the Docker CLI finds them,
 * else for Amazon ECR a token of its own. Reads anew each time, because tokens expire and people log in.
 * @throws SluiceError `InvalidInput` for a damaged configuration, `AccessDenied` if a helper or AWS refuses.
 */
export async function findRegistryCredentials(
  image: string,
  { configFolder, ecrLogin }: RegistryAuthOptions,
): Promise<RegistryCredentials | null> {
  const registry = registryOf(image);
  const configured = await configuredCredentials(await readDockerConfig(configFolder), registry);
  if (configured !== null) return configured;
  const region = ecrRegionOf(registry);
  return region === null ? null : { ...(await ecrLogin(region)), serveraddress: registry };
}

async function configuredCredentials(
  config: DockerConfig,
  registry: string,
): Promise<RegistryCredentials | null> {
  // As for the Docker CLI: where there is a helper, what the file itself has is not looked at; an empty name is none.
  const helper = entryFor(config.credHelpers, registry) ?? config.credsStore ?? '';
  if (helper !== '') {
    const answer = await askCredentialHelper(helper, registry);
    return answer === null ? null : helperCredentials(answer, registry);
  }
  const login = entryFor(config.auths, registry);
  return login === undefined ? null : storedCredentials(config.file, login, registry);
}

/** The exact key before one that only means the same registry. */
function entryFor<Entry>(entries: ReadonlyMap<string, Entry>, registry: string): Entry | undefined {
  const key = entries.has(registry)
    ? registry
    : [...entries.keys()].find((key) => registryNamed(key) === registry);
  return key === undefined ? undefined : entries.get(key);
}

function helperCredentials({ username, secret }: HelperAnswer, serveraddress: string): RegistryCredentials {
  // The mark by which a helper says that the secret is no password.
  if (username === '<token>') return { identitytoken: secret, serveraddress };
  return { username, password: secret, serveraddress };
}

function storedCredentials(
  file: string,
  { auth, username = '', password = '', identitytoken }: StoredLogin,
  serveraddress: string,
): RegistryCredentials | null {
  if (identitytoken !== undefined) return { identitytoken, serveraddress };
  if (auth === undefined) return username === '' ? null : { username, password, serveraddress };
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon <= 0) throw damaged(file, `auth of ${serveraddress} is not Base64 of user:password`);
  return {
    username: text.slice(0, colon),
    // The Docker CLI of old padded with zeros.
    password: text.slice(colon + 1).replace(/^\0+|\0+$/g, ''),
    serveraddress,
  };
}
