import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { SluiceError } from '../../core/errors.ts';
import { pythonOptions, supervisorScript } from './isolation.ts';
import type { JobFolder } from './job-folder.ts';

type Supervisor = ChildProcessByStdio<Socket, Socket, Socket>;

/**
 * Starts supervisors, which outlive this process. One more than needed is kept waiting for the folder of its job, because
 * Python takes longer to start than a small job to run; it ends with this process.
 */
export function createStarter(python: string, jobsDir: string): (files: JobFolder) => Promise<void> {
  let spare: Supervisor | null = null;

  /** Returns at the supervisor's first word: it started the job, or another one did. Of several exactly one starts it. */
  return async (files) => {
    const supervisor = spare !== null && isWaiting(spare) ? spare : spawnSupervisor(python, jobsDir);
    spare = null;
    const { word, said } = await firstWord(supervisor, files.path, python);
    if (word !== 'started' && word !== 'taken') throw await explain(files, said);
    spare = spawnSupervisor(python, jobsDir);
  };
}

/** Somebody may have killed it in the meantime. */
function isWaiting({ exitCode, signalCode, stdout }: Supervisor): boolean {
  return exitCode === null && signalCode === null && !stdout.destroyed && !stdout.readableEnded;
}

function spawnSupervisor(python: string, jobsDir: string): Supervisor {
  const child = spawn(python, [...pythonOptions(jobsDir), supervisorScript, '--wait'], {
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
