// For .ci/run and test/long/compose.test.ts: Docker Compose, built once, and the images that docker-compose.yml, compose.dev.yml and
// the Dockerfile name. Where no registry can be reached, stand-ins are made under the same tags: the real programs, built
// from source at the tag's version or out of Debian's and npm's packages, on a Debian.
import { chmodSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { cacheFolder } from '../setup/cache.js';
import { run } from '../setup/command.js';
import { createContext, projectRoot } from '../setup/context.js';
import { runScript } from '../setup/errors.js';
import { step } from '../setup/progress.js';
import { readToolchain } from '../setup/toolchain.js';
import { composeIn, COMPOSE_VERSION } from './compose-tool.js';
import { goBuild } from './go-build.js';
import { debianBase, debianRecipe } from './stand-in-debian.js';
import { docker, ensureImage } from './stand-in.js';
import { versitygwIn } from './versitygw.js';

const context = createContext();
const recipes = join(projectRoot, 'scripts', 'testing', 'stand-ins');

/** By the image's name: the recipe in `stand-ins/`, and what puts into the folder that it copies from.
 * @type {Record<string, { recipe: string, fill: (folder: string, version: string) => Promise<void> }>} */
const standIns = {
  node: { recipe: 'node', fill: node },
  postgres: {
    recipe: 'postgres',
    fill: async (folder) => copy(join(recipes, 'postgres-entrypoint.sh'), folder),
  },
  'temporalio/server': {
    recipe: 'temporal-server',
    fill: async (folder, version) => copyAll(await temporalServer(version), folder),
  },
  'temporalio/admin-tools': {
    recipe: 'temporal-admin-tools',
    async fill(folder, version) {
      copyAll(await temporalServer(version), folder);
      copy(temporalCli(), folder);
    },
  },
  'temporalio/ui': {
    recipe: 'temporal-ui',
    fill: async (folder, version) => copyAll(await temporalUi(version), folder),
  },
  'temporalio/temporal': { recipe: 'temporal-cli', fill: async (folder) => copy(temporalCli(), folder) },
  'versity/versitygw': {
    recipe: 'versitygw',
    fill: async (folder) => copy(versitygwIn(context.env), folder),
  },
};

await runScript(async () => {
  await goBuild(
    context,
    {
      module: 'github.com/docker/compose/v2',
      version: COMPOSE_VERSION,
      programs: { cmd: 'docker-compose' },
      linkerFlags: [`-X github.com/docker/compose/v2/internal.Version=${COMPOSE_VERSION}`],
    },
    dirname(composeIn(context.env)),
  );
  context.say(await run(composeIn(context.env), ['version']));
  for (const tag of wantedTags()) await ensure(tag);
});

/** Of the files that people use, so that nothing else is tested. */
function wantedTags() {
  const files = ['Dockerfile', 'docker-compose.yml', 'compose.dev.yml'];
  const text = files.map((name) => readFileSync(join(projectRoot, name), 'utf8')).join('\n');
  const tags = [...text.matchAll(/^(?:\s+image: |ARG NODE_IMAGE=)(\S+)$/gm)].map(([, tag = '']) => tag);
  // Ours are built from the Dockerfile.
  return [...new Set(tags)].filter((tag) => !tag.startsWith('sluice'));
}

/** @param {string} tag */
async function ensure(tag) {
  const [name = '', version = ''] = tag.split(':');
  const standIn = standIns[name];
  if (!standIn) throw new Error(`${tag}: there is no stand-in for it in scripts/testing/compose.js`);
  const dockerfile = readFileSync(join(recipes, `${standIn.recipe}.Dockerfile`), 'utf8');
  await ensureImage(context, {
    tag,
    facts: [tag, dockerfile, process.arch, debianRecipe()],
    make: async (labels) => {
      const base = await debianBase(context);
      const folder = mkdtempSync(join(tmpdir(), 'sluice-stand-in-'));
      try {
        await standIn.fill(folder, version);
        await step(context, `Building the stand-in of ${tag}`, `${standIn.recipe}.Dockerfile`, () =>
          buildImage(tag, folder, standIn.recipe, base, labels),
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  });
}

/** @param {string} tag @param {string} folder @param {string} recipe @param {string} base @param {Record<string, string>} labels */
function buildImage(tag, folder, recipe, base, labels) {
  const marks = Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
  const file = join(recipes, `${recipe}.Dockerfile`);
  return docker('build', '--quiet', '-t', tag, '-f', file, '--build-arg', `DEBIAN=${base}`, ...marks, folder);
}

/** npm has the official program of nodejs.org, one package for each system. @param {string} folder @param {string} version */
async function node(folder, version) {
  const [number = ''] = version.split('-');
  const program = await unpack(`node-${process.platform}-${process.arch}@${number}`, folder);
  cpSync(join(program, 'bin', 'node'), join(folder, 'node'));
  chmodSync(join(folder, 'node'), 0o755);
  cpSync(await unpack('npm@11', folder), join(folder, 'npm'), { recursive: true });
}

/** @param {string} spec @param {string} folder @returns {Promise<string>} where its files are */
async function unpack(spec, folder) {
  const target = mkdtempSync(join(tmpdir(), 'sluice-npm-'));
  const answer = await run('npm', ['pack', '--json', '--pack-destination', target, spec], { cwd: folder });
  const [{ filename }] = JSON.parse(answer);
  await run('tar', ['-C', target, '-xzf', join(target, filename)]);
  return join(target, 'package');
}

/** @param {string} version */
function temporalServer(version) {
  const programs = { 'cmd/server': 'temporal-server', 'cmd/tools/sql': 'temporal-sql-tool' };
  const source = { module: 'go.temporal.io/server', version: `v${version}`, programs };
  return built('temporal-server', source, ['schema/postgresql', 'docker/scripts']);
}

/** @param {string} version */
function temporalUi(version) {
  const programs = { 'cmd/server': 'ui-server' };
  const source = { module: 'github.com/temporalio/ui-server/v2', version: `v${version}`, programs };
  return built('temporal-ui', source, ['config/docker.yaml', 'docker/start-ui-server.sh']);
}

/** @param {string} name @param {import('./go-build.js').GoSource} source @param {string[]} files */
async function built(name, source, files) {
  const folder = join(cacheFolder(context.env), name, source.version);
  await goBuild(context, source, folder, files);
  return folder;
}

function temporalCli() {
  const { temporal } = readToolchain(context);
  if (!temporal) throw new Error('There is no Temporal CLI: npm run setup');
  return temporal;
}

/** @param {string} file @param {string} folder */
function copy(file, folder) {
  cpSync(file, join(folder, basename(file)), { dereference: true });
}

/** @param {string} from @param {string} folder */
function copyAll(from, folder) {
  for (const name of readdirSync(from)) cpSync(join(from, name), join(folder, name), { recursive: true });
}
