/** Docker Hub as the Docker CLI writes it, for history's sake. */
export const dockerHub = 'https://index.docker.io/v1/';

const namesOfHub = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** The registry that an image comes from, as the Docker CLI keys its credentials: `host[:port]`, or {@link dockerHub}. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost =
    rest.length > 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  return isHost ? registryNamed(first) : dockerHub;
}

/** A key of Docker's configuration, which may be an address of old (`https://host/v1/`), as {@link registryOf} has it. */
export function registryNamed(key: string): string {
  const host = key
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/s, '')
    .toLowerCase();
  return namesOfHub.includes(host) ? dockerHub : host;
}

/** The AWS region of a private registry of Amazon ECR, null for all others. */
export function ecrRegionOf(registry: string): string | null {
  return /^\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/.exec(registry)?.[1] ?? null;
}
