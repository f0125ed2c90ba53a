import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A credential helper in this folder, which belongs on the PATH. */
export async function writeHelper(folder: string, name: string, script: string): Promise<void> {
  const file = join(folder, `docker-credential-${name}`);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}
