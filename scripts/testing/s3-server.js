// For .ci/run and for tests of S3: builds a real S3 server, versitygw, once. Go is what that needs, of any version: one that is
// too old fetches a newer one from the module proxy.
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../setup/command.js';
import { createContext } from '../setup/context.js';
import { SetupError, runScript } from '../setup/errors.js';
import { findOnPath, isExecutable } from '../setup/files.js';
import { withLock } from '../setup/lock.js';
import { step } from '../setup/progress.js';
import { VERSITYGW_VERSION, versitygwIn } from './versitygw.js';

/** What versitygw's go.mod asks for. */
const GO_VERSION = '1.25.0';
/** From here on the go command fetches the Go that a module asks for by itself. */
const SELF_UPDATING = 21;
const BUILD_SECONDS = 900;

const context = createContext();
const program = versitygwIn(context.env);

await runScript(() =>
  withLock(`${dirname(program)}.lock`, context.say, async () => {
    if (!isExecutable(program)) {
      const why = `from its source; kept in ${dirname(program)}`;
      await step(context, `Building versitygw ${VERSITYGW_VERSION}`, why, build);
    }
    context.say(await run(program, ['--version'], { timeoutSeconds: 30 }));
  }),
);

async function build() {
  const go = await findGo();
  const part = `${dirname(program)}.${randomUUID()}`;
  mkdirSync(part, { recursive: true });
  try {
    const source = `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW_VERSION}`;
    await run(go, ['install', '-trimpath', '-ldflags=-s -w', source], {
      env: { ...goEnv(), GOBIN: part },
      cwd: part,
      timeoutSeconds: BUILD_SECONDS,
    });
    renameSync(part, dirname(program));
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/** The proxy and the cache are as the user configured them. @returns {NodeJS.ProcessEnv} */
function goEnv() {
  const { GOFLAGS: _flags, GOROOT: _root, ...kept } = context.env;
  return { ...kept, GOTOOLCHAIN: 'auto', CGO_ENABLED: '0' };
}

async function findGo() {
  const go = findOnPath('go', context.env);
  if (!go) throw new SetupError('versitygw needs Go to be built, of any version: apt-get install golang-go');
  const version = await run(go, ['env', 'GOVERSION'], { env: goEnv(), timeoutSeconds: 60 });
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0);
  return minor >= SELF_UPDATING ? go : fetchGo(go);
}

/** A Go is a module too, whose files the go command of old keeps as those of any module: none is executable. @param {string} oldGo */
async function fetchGo(oldGo) {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const module = `golang.org/toolchain@v0.0.1-go${GO_VERSION}.${process.platform}-${architecture}`;
  const answer = await run(oldGo, ['mod', 'download', '-json', module], {
    env: goEnv(),
    timeoutSeconds: BUILD_SECONDS,
  });
  const { Dir: folder } = /** @type {{ Dir: string }} */ (JSON.parse(answer));
  const tools = join(folder, 'pkg', 'tool', `${process.platform}_${architecture}`);
  for (const bin of [join(folder, 'bin'), tools]) {
    for (const name of readdirSync(bin)) chmodSync(join(bin, name), 0o755);
  }
  return join(folder, 'bin', 'go');
}
