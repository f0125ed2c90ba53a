import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { SluiceError } from '../../core/errors.ts';
import type { JobFolder } from './job-folder.ts';

/**
 * Options of every Python that runs code of ours: quick to start, deaf to the user's Python settings. Its byte code is kept
 * with the jobs, because the folder of the program may belong to somebody else.
 */
export const pythonOptions = (jobsDir: string) =>
  ['-I', '-S', '-X', `pycache_prefix=${join(jobsDir, '.pycache')}`] as const;

/** What runs the supervisor's program, and where its byte code is kept. */
interface Program {
  python: string;
  script: string;
  jobsDir: string;
}

/**
 * Starts supervisors, which outlive this process, as forks of one small Python: to fork a worker takes Node several milliseconds in
 * which it does nothing else, and to start Python takes longer than a small job. The fork server ends with this process.
 */
export function createStarter(program: Program): (files: JobFolder) => Promise<void> {
  let latest: ForkServer | null = null;

  /** Returns at the supervisor's first word: it started the job, or another one did. Of several exactly one starts it. */
  return async (files) => {
    for (let tries = 1; ; tries += 1) {
      const server = latest?.isOpen() === true ? latest : openForkServer(program);
      latest = server;
      const word = await server.start(files.path);
      if (word === 'started' || word === 'taken') return;
      // A server that somebody killed is replaced by another one.
      if (word !== null || tries === 2) throw await explain(files, word ?? server.complaints());
    }
  };
}

/** `main.py --fork-server` (`python/launch.py`). */
interface ForkServer {
  isOpen(): boolean;
  /** The first word of the supervisor, empty if it ended without one; null if the server ended before it passed it on. */
  start(folder: string): Promise<string | null>;
  complaints(): string;
}

interface Waiting {
  resolve: (word: string | null) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** Longer than any machine takes to fork. A server that somebody stopped would otherwise hold up every job for ever. */
const answerMs = 30_000;

function openForkServer(program: Program): ForkServer {
  const child = spawnServer(program);
  const waiting = new Map<string, Waiting>();
  let isOpen = true;
  let count = 0;
  let complaints = '';
  let heard = '';

  const settle = (number: string, settleOne: (one: Waiting) => void) => {
    const one = waiting.get(number);
    if (one === undefined) return;
    waiting.delete(number);
    clearTimeout(one.timer);
    if (waiting.size === 0) letGo(child);
    settleOne(one);
  };
  const end = (settleOne: (one: Waiting) => void) => {
    isOpen = false;
    for (const number of [...waiting.keys()]) settle(number, settleOne);
  };
  child.on('error', (cause) => {
    const message = `${program.python} cannot be started: ${cause.message}`;
    end(({ reject }) => {
      reject(new SluiceError('EngineUnavailable', message, { cause }));
    });
  });
  child.once('close', () => {
    end(({ resolve }) => {
      resolve(null);
    });
  });
  child.stdin?.on('error', () => undefined);
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (complaints = (complaints + text).slice(-1000)));
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (heard + text).split('\n');
    heard = lines.pop() ?? '';
    for (const line of lines) {
      const [, number = '', word = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
      settle(number, ({ resolve }) => {
        resolve(word);
      });
    }
  });
  letGo(child);

  return {
    isOpen: () => isOpen,
    start: (folder) =>
      new Promise((resolve, reject) => {
        count += 1;
        const timer = setTimeout(() => child.kill('SIGKILL'), answerMs);
        waiting.set(String(count), { resolve, reject, timer });
        child.ref();
        child.stdout?.ref();
        child.stdin?.write(`${count} ${folder}\0`);
      }),
    complaints: () => complaints,
  };
}

/** Without pipes if it could not be spawned for want of descriptors, which an event tells. */
type Server = Omit<ChildProcess, 'stdin' | 'stdout' | 'stderr'> &
  Record<'stdin' | 'stdout' | 'stderr', Socket | undefined>;

function spawnServer({ python, script, jobsDir }: Program): Server {
  return spawn(python, [...pythonOptions(jobsDir), script, '--fork-server'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
  }) as unknown as Server;
}

/** Nobody is kept from ending by a server that nobody waits for. */
function letGo(child: Server): void {
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.unref();
}

async function explain(files: JobFolder, said: string): Promise<SluiceError> {
  const logged = await readFile(files.supervisorLog, 'utf8').catch(() => '');
  const why = `${said}${logged}`.trim().slice(-1000);
  return new SluiceError(
    'EngineUnavailable',
    `The supervisor of ${files.path} ended before the job started${why && `:\n${why}`}`,
    { details: { folder: files.path } },
  );
}
