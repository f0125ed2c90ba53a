import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a job is kept apart: in namespaces of its own with /opt/ml, or as a plain process with paths of the job's folder. */
export type Isolation = 'namespaces' | 'none';

export type IsolationProbe = { available: true } | { available: false; reason: string };

export const supervisorScript = fileURLToPath(new URL('supervisor/main.py', import.meta.url));

/** Tries whether this user can have namespaces on this machine; about 20 ms. Never throws. */
export function probeIsolation(python: string): Promise<IsolationProbe> {
  if (process.platform !== 'linux') {
    return Promise.resolve({ available: false, reason: `${process.platform} has no mount namespaces` });
  }
  return new Promise((resolve) => {
    execFile(
      python,
      ['-I', '-S', '-B', supervisorScript, '--probe'],
      { env: {}, timeout: 10_000 },
      (error, _out, stderr) => {
        if (error === null) resolve({ available: true });
        else resolve({ available: false, reason: lastLine(stderr) ?? error.message });
      },
    );
  });
}

function lastLine(text: string): string | undefined {
  return text.split('\n').findLast((line) => line.trim() !== '');
}
