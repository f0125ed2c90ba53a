// For .ci/run: the example, run to its end on every other Node and Python that is supported and can be had here, a line for each.
// Node comes from the npm registry; Pythons are those of this machine, on the PATH or of pyenv.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder } from '../setup/cache.js';
import { run } from '../setup/command.js';
import { createContext, projectRoot } from '../setup/context.js';
import { runScript, SetupError } from '../setup/errors.js';
import { pythonIn } from '../setup/installers.js';
import { findInterpreter } from '../setup/interpreter.js';
import { environmentFor } from '../setup/python.js';

const NODES = ['20', '22', '24'];
const PYTHONS = ['3.9', '3.10', '3.11', '3.12', '3.13'];

const context = createContext();
const ownNode = process.versions.node.split('.')[0];
let failed = 0;

await runScript(async () => {
  const ownPython = (await findInterpreter(context)).version.split('.').slice(0, 2).join('.');
  for (const major of NODES.filter((name) => name !== ownNode)) {
    await tell(`Node ${major}`, async () => example(await nodeOf(major), {}));
  }
  for (const version of PYTHONS.filter((name) => name !== ownPython)) {
    const base = pythonOf(version);
    if (base === undefined) context.say(`Python ${version}: not tested, this machine has none`);
    else
      await tell(`Python ${version}`, async () => example(process.execPath, await pythonEnvironment(base)));
  }
  if (failed > 0) throw new SetupError(`The example does not run on ${failed} of them.`);
});

/** @param {string} name @param {() => Promise<string>} work */
async function tell(name, work) {
  const started = Date.now();
  try {
    const said = await work();
    context.say(`${name}: ${said} in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  } catch (error) {
    failed += 1;
    context.say(`${name}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @param {string} major */
async function nodeOf(major) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(cacheFolder(context.env), 'node', `${major}-${process.arch}`);
  const program = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(program)) {
    const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder];
    await run('npm', ['install', ...options, `${name}@${major}`], { env: context.env, timeoutSeconds: 300 });
  }
  return program;
}

/** @param {string} version */
function pythonOf(version) {
  const pyenv = join(context.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const names = existsSync(pyenv) ? readdirSync(pyenv).filter((name) => name.startsWith(`${version}.`)) : [];
  const places = [...names.map((name) => join(pyenv, name, 'bin', 'python')), `/usr/bin/python${version}`];
  return places.find((path) => existsSync(path));
}

/** @param {string} base */
async function pythonEnvironment(base) {
  const asked = { ...context, env: { ...context.env, SLUICE_PYTHON_BASE: base } };
  const { folder } = await environmentFor(asked, 'sklearn', await findInterpreter(asked));
  return { SLUICE_PYTHON: pythonIn(folder) };
}

/** Runs the example and says what came of it. @param {string} node @param {Record<string, string>} env */
async function example(node, env) {
  const home = mkdtempSync(join(tmpdir(), 'sluice-versions-'));
  try {
    const args = [join(projectRoot, 'bin', 'sluice.js'), 'run', 'examples/abalone/pipeline.json', '--json'];
    const settings = { SLUICE_SKIP_SETUP: '1', SLUICE_LOCAL_ENGINE: 'process', SLUICE_HOME: home, ...env };
    const answer = await run(node, args, {
      env: { ...context.env, ...settings },
      cwd: projectRoot,
      timeoutSeconds: 300,
    });
    const { outcome, metric, transform } = JSON.parse(answer);
    return `${outcome}, MSE ${metric.value.toFixed(3)}, ${transform.records} predictions`;
  } finally {
    // Its server ends by itself when nobody needs it any more.
    for (let waits = 0; existsSync(join(home, 'dev', 'server.json')) && waits < 60; waits += 1)
      await sleep(500);
    rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 1000 });
  }
}
