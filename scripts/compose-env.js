// Writes .env for docker-compose.yml, once: what must not be in a file that everybody has.
import { randomBytes } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext } from './setup/context.js';
import { SetupError, runScript } from './setup/errors.js';

const { env, say } = createContext();
const file = join(process.cwd(), '.env');
const socket = env.DOCKER_SOCKET ?? '/var/run/docker.sock';

await runScript(async () => {
  const profile = process.argv[2] ?? 'containers';
  if (!['containers', 'processes'].includes(profile)) {
    throw new SetupError(`Jobs run in "containers" or "processes", not in ${JSON.stringify(profile)}.`);
  }
  const lines = [
    '# Where jobs run: "containers", through the Docker socket (as good as root on this machine), or "processes".',
    `COMPOSE_PROFILES=${profile}`,
    ...(profile === 'containers' ? [`DOCKER_SOCKET=${socket}`, `DOCKER_GID=${groupOf(socket)}`] : []),
    `POSTGRES_PASSWORD=${secret()}`,
    'S3_ACCESS_KEY=sluice',
    `S3_SECRET_KEY=${secret()}`,
  ];
  write(lines.join('\n') + '\n');
  say(
    `${file} is written: passwords made by chance, profile ${profile}. Next: docker compose up --detach --wait`,
  );
});

function secret() {
  return randomBytes(24).toString('base64url');
}

/** @param {string} path */
function groupOf(path) {
  try {
    return statSync(path).gid;
  } catch {
    throw new SetupError(
      `There is no Docker socket at ${path}: set DOCKER_SOCKET, or take the profile without it: node scripts/compose-env.js processes`,
    );
  }
}

/** Never over one that is there: PostgreSQL keeps the password that it was made with. @param {string} text */
function write(text) {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== 'EEXIST') throw error;
    throw new SetupError(`${file} is there already; edit it, or remove it together with the volumes.`);
  }
}
