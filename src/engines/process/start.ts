import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { pythonOptions, supervisorScript } from './isolation.ts';
import type { JobFolder } from './job-folder.ts';

/**
 * Starts a supervisor, which outlives this process, and waits for its first word: it started the job, or another one did.
 * Of several at once exactly one starts the job.
 */
export async function startSupervisor(python: string, files: JobFolder): Promise<void> {
  const log = await open(files.supervisorLog, 'a');
  try {
    const word = await firstWord(python, files.path, log.fd);
    if (word !== 'started' && word !== 'taken') throw await explain(files);
  } finally {
    await log.close();
  }
}

function firstWord(python: string, folder: string, log: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, [...pythonOptions(dirname(folder)), supervisorScript, folder], {
      detached: true,
      stdio: ['ignore', 'pipe', log],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
    });
    let word = '';
    child.unref();
    child.on('error', (cause) => {
      reject(
        new SluiceError('EngineUnavailable', `${python} cannot be started: ${cause.message}`, { cause }),
      );
    });
    child.stdout?.setEncoding('utf8');
    child.stdout?.on('data', (text: string) => (word += text));
    child.stdout?.on('close', () => {
      resolve(word.trim());
    });
  });
}

async function explain(files: JobFolder): Promise<SluiceError> {
  const said = (await readFile(files.supervisorLog, 'utf8')).trim().slice(-1000);
  return new SluiceError(
    'EngineUnavailable',
    `The supervisor of ${files.path} ended before the job started${said && `:\n${said}`}`,
    {
      details: { folder: files.path },
    },
  );
}
