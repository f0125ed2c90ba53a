import { randomUUID } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../setup/command.js';
import { SetupError } from '../setup/errors.js';
import { findOnPath, isExecutable } from '../setup/files.js';
import { withLock } from '../setup/lock.js';
import { step } from '../setup/progress.js';

/** The Go that one too old to fetch what a module asks for is replaced by; this one does so by itself. */
const GO_VERSION = '1.25.0';
const SELF_UPDATING = 21;
const BUILD_SECONDS = 1800;

/** A module at a version, and the programs to build of it: from the package (a folder of the module) to the program's name.
 * @typedef {{ module: string, version: string, programs: Record<string, string>,
 * linkerFlags?: string[] }} GoSource */
/** @typedef {import('../setup/context.js').Context} Context */

/** Builds the programs into `folder`, once, with what else the module has at `files` (paths within it, kept as they are).
 * @param {Context} context @param {GoSource} source @param {string} folder @param {string[]} [files] */
export async function goBuild(context, source, folder, files = []) {
  const programs = Object.values(source.programs).map((name) => join(folder, name));
  await withLock(`${folder}.lock`, context.say, async () => {
    if (programs.every(isExecutable)) return;
    const what = `Building ${Object.values(source.programs).join(', ')} ${source.version}`;
    await step(context, what, `from source; kept in ${folder}`, () => build(context, source, folder, files));
  });
}

/** @param {Context} context @param {GoSource} source @param {string} folder @param {string[]} files */
async function build(context, { module, version, programs, linkerFlags = [] }, folder, files) {
  const env = goEnv(context);
  const go = await findGo(context, module);
  const part = `${folder}.${randomUUID()}`;
  const source = `${part}.source`;
  try {
    // As its own main module, in a copy: what its go.mod excludes and replaces is obeyed only there.
    cpSync(await download(go, `${module}@${version}`, env), source, { recursive: true });
    await run('chmod', ['-R', 'u+w', source]);
    for (const [path, name] of Object.entries(programs)) {
      const flags = ['-s -w', ...linkerFlags].join(' ');
      const args = ['build', '-trimpath', `-ldflags=${flags}`, '-o', join(part, name), `./${path}`];
      await run(go, args, { env, cwd: source, timeoutSeconds: BUILD_SECONDS });
    }
    for (const path of files) cpSync(join(source, path), join(part, path), { recursive: true });
    mkdirSync(dirname(folder), { recursive: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(part, folder);
  } finally {
    for (const path of [part, source]) rmSync(path, { recursive: true, force: true });
  }
}

/** @param {string} go @param {string} module @param {NodeJS.ProcessEnv} env @returns {Promise<string>} its folder */
async function download(go, module, env) {
  const answer = await run(go, ['mod', 'download', '-json', module], { env, timeoutSeconds: BUILD_SECONDS });
  return JSON.parse(answer).Dir;
}

/** The proxy and the cache are as the user configured them. @param {Context} context @returns {NodeJS.ProcessEnv} */
function goEnv({ env }) {
  const { GOFLAGS: _flags, GOROOT: _root, ...kept } = env;
  return { ...kept, GOTOOLCHAIN: 'auto', CGO_ENABLED: '0' };
}

/** @param {Context} context @param {string} module */
async function findGo(context, module) {
  const go = findOnPath('go', context.env);
  if (!go) throw new SetupError(`${module} needs Go to be built, of any version: apt-get install golang-go`);
  const version = await run(go, ['env', 'GOVERSION'], { env: goEnv(context), timeoutSeconds: 60 });
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0);
  return minor >= SELF_UPDATING ? go : fetchGo(context, go);
}

/** A Go is a module too, whose files the go command of old keeps as those of any module: none is executable.
 * @param {Context} context @param {string} oldGo */
async function fetchGo(context, oldGo) {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const module = `golang.org/toolchain@v0.0.1-go${GO_VERSION}.${process.platform}-${architecture}`;
  const folder = await download(oldGo, module, goEnv(context));
  const tools = join(folder, 'pkg', 'tool', `${process.platform}_${architecture}`);
  for (const bin of [join(folder, 'bin'), tools]) {
    for (const name of readdirSync(bin)) chmodSync(join(bin, name), 0o755);
  }
  return join(folder, 'bin', 'go');
}
