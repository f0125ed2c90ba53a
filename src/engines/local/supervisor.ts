import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { SluiceError } from '../../core/errors.ts';
import type { JobFolder } from './job-folder.ts';

type Supervisor = ChildProcessByStdio<Socket, Socket, Socket>;

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
 * Starts supervisors, which outlive this process. One more than needed is kept waiting for the folder of its job, because
 * Python takes longer to start than a small job to run; it ends with this process.
 */
export function createStarter(program: Program): (files: JobFolder) => Promise<void> {
  let spare: Supervisor | null = null;
  const takeSpare = () => {
    const taken = spare !== null && isWaiting(spare) ? spare : null;
    spare = null;
    return taken;
  };

  /** Returns at the supervisor's first word: it started the job, or another one did. Of several exactly one starts it. */
  return async (files) => {
    const supervisor = takeSpare() ?? spawnSupervisor(program);
    const { word, said } = await firstWord(supervisor, files.path, program.python);
    if (word !== 'started' && word !== 'taken') throw await explain(files, said);
    // Another job that was started meanwhile may have left one.
    spare = takeSpare() ?? spawnSupervisor(program);
  };
}

/** Somebody may have killed it in the meantime. */
function isWaiting({ exitCode, signalCode, stdout }: Supervisor): boolean {
  return exitCode === null && signalCode === null && !stdout.destroyed && !stdout.readableEnded;
}

function spawnSupervisor({ python, script, jobsDir }: Program): Supervisor {
  const child = spawn(python, [...pythonOptions(jobsDir), script, '--wait'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
  }) as unknown as Supervisor;
  // Whoever asks hears of it by the end of the output.
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.unref();
  return child;
}

function firstWord(
  child: Supervisor,
  folder: string,
  python: string,
): Promise<{ word: string; said: string }> {
  return new Promise((resolve, reject) => {
    let word = '';
    let said = '';
    child.once('error', (cause) => {
      reject(
        new SluiceError('EngineUnavailable', `${python} cannot be started: ${cause.message}`, { cause }),
      );
    });
    child.stdout.ref();
    child.stdout.setEncoding('utf8').on('data', (text: string) => (word += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdout.once('close', () => {
      resolve({ word: word.trim(), said });
    });
    child.stdin.end(`${folder}\0`);
  });
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
