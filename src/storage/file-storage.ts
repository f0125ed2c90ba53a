import { randomUUID } from 'node:crypto';
import { constants, realpathSync } from 'node:fs';
import { access, mkdir, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SluiceError } from '../core/errors.ts';
import { copyHashed, hashFiles } from './content.ts';
import { contains } from './root-paths.ts';
import type { FileStorage } from './storage.ts';

/**
 * Storage as a folder: `uploads/<sha256>/<name>` for what was uploaded, and what jobs write.
 * @param readable - other folders whose `file://` URIs may be read.
 */
export function createFileStorage(folder: string, readable: readonly string[]): FileStorage {
  const folders = [folder, ...readable];
  const isAllowed = (path: string) => folders.some((allowed) => containsReally(allowed, path));

  const localPath = (uri: string): string => {
    const path = toPath(uri);
    if (path !== undefined && isAllowed(path)) return path;
    throw new SluiceError('InvalidInput', `${uri} is no file:// URI below ${folders.join(' or ')}`);
  };
  const uploadedPath = (sha256: string, source: string) =>
    join(folder, 'uploads', sha256, basename(source) || 'root');

  return {
    rootUri: pathToFileURL(folder).href,
    localPath,

    async upload(source, signal) {
      const known = await hashFiles(source, signal);
      const there = uploadedPath(known.sha256, source);
      if (await exists(there)) return { uri: pathToFileURL(there).href, ...known };

      const aside = join(folder, 'uploads', `.${randomUUID()}`);
      await mkdir(join(folder, 'uploads'), { recursive: true });
      try {
        // What was hashed above may have been edited since.
        const copied = await copyHashed(source, aside, signal);
        const target = uploadedPath(copied.sha256, source);
        await mkdir(join(target, '..'), { recursive: true });
        await renameUnlessThere(aside, target);
        return { uri: pathToFileURL(target).href, ...copied };
      } finally {
        await rm(aside, { recursive: true, force: true });
      }
    },

    hash: async (uri, signal) => hashFiles(localPath(uri), signal),

    async find(uri) {
      const found = await stat(localPath(uri)).catch((error: NodeJS.ErrnoException) => {
        if (isMissing(error)) return null;
        throw error;
      });
      if (found?.isDirectory()) return 'folder';
      return found?.isFile() ? 'file' : null;
    },

    async readText(uri, maxBytes) {
      const path = localPath(uri);
      const refuse = (reason: string) =>
        new SluiceError('OutputMissing', `${path} ${reason}`, { details: { uri } });
      const handle = await openFile(path, refuse);
      try {
        const found = await handle.stat();
        if (!found.isFile()) throw refuse('is not a file');
        if (!isAllowed(await realpath(path))) throw refuse('is a link that leaves the storage');
        if (found.size > maxBytes) throw refuse(`has ${found.size} bytes; at most ${maxBytes} are read`);
        return await handle.readFile('utf8');
      } finally {
        await handle.close();
      }
    },
  };
}

function toPath(uri: string): string | undefined {
  try {
    return uri.startsWith('file:///') ? fileURLToPath(uri) : undefined;
  } catch {
    // Not a URI after all, or one with a slash or a NUL encoded in a name.
    return undefined;
  }
}

/** The folder may be given by a link (`/tmp` of macOS is one), the path by its real name. */
function containsReally(folder: string, path: string): boolean {
  if (contains(folder, path)) return true;
  try {
    return contains(realpathSync(folder), path);
  } catch {
    return false;
  }
}

/** Without waiting for a writer, should it be a FIFO. */
async function openFile(path: string, refuse: (reason: string) => SluiceError): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (isMissing(error)) throw refuse('does not exist');
    // A socket.
    if (error.code === 'ENXIO') throw refuse('is not a file');
    throw error;
  });
}

const isMissing = ({ code }: NodeJS.ErrnoException) => ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code ?? '');

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // The same content, uploaded by another process a moment ago.
    if (await exists(to)) return;
    throw error;
  }
}
