import { posix } from 'node:path';
import type { Header } from 'tar-stream';
import { SluiceError } from '../core/errors.ts';
import { quote } from '../core/wording.ts';

/** What an archive may grow to: a bomb is refused before it fills the disk. */
export interface ArchiveLimits {
  /** Files, links and folders, those included that are only part of a path. */
  entries: number;
  bytes: number;
}

export const archiveLimits: ArchiveLimits = { entries: 100_000, bytes: 100 * 1024 ** 3 };

export type Entry = { name: string } & (
  { kind: 'directory' | 'file' } | { kind: 'symlink'; linkname: string }
);
type Kind = Entry['kind'];

export interface EntryChecker {
  /** @throws SluiceError `OutputMissing` that says why the entry is refused. */
  check(header: Header): Entry;
  /** What only the whole archive tells: whether a link leads through another one. @throws SluiceError `OutputMissing`. */
  finish(): void;
}

/** Takes folders, files and symbolic links that stay inside; nothing twice, nothing below what is no folder. */
export function createEntryChecker(archive: string, limits: ArchiveLimits): EntryChecker {
  const kinds = new Map<string, Kind>();
  const aims = new Map<string, string>();
  let bytes = 0;
  const refusal = (name: string, reason: string) =>
    new SluiceError('OutputMissing', `${archive} is not taken: entry ${quote(name)} ${reason}`, {
      details: { archive, entry: name.slice(0, 200) },
    });

  const take = (name: string, kind: Kind): string | undefined => {
    for (const folder of parents(name)) {
      const there = kinds.get(folder) ?? 'directory';
      if (there !== 'directory') return `lies below a ${there}`;
      kinds.set(folder, there);
    }
    const there = kinds.get(name);
    if (there !== undefined && !(there === 'directory' && kind === 'directory')) return 'is there twice';
    kinds.set(name, kind);
    return undefined;
  };

  return {
    check(header) {
      const refuse = (reason: string) => refusal(header.name, reason);
      const name = posix.normalize(header.name).replace(/\/+$/, '');
      const wrong = problemWithName(name);
      if (wrong !== undefined) throw refuse(wrong);
      const entry = toEntry(header, name);
      if (entry === undefined)
        throw refuse(`is a ${kindOf(header)}; only files, folders and links are taken`);
      if (name === '.' && entry.kind !== 'directory') throw refuse('has no name');
      const conflict = take(name, entry.kind);
      if (conflict !== undefined) throw refuse(conflict);
      if (entry.kind === 'symlink') {
        const aim = aimOf(name, entry.linkname);
        if (aim === undefined) throw refuse(`links to ${quote(entry.linkname)}, which may lie outside`);
        aims.set(name, aim);
      }
      bytes += entry.kind === 'file' ? header.size : 0;
      if (kinds.size > limits.entries || bytes > limits.bytes) {
        throw refuse(`makes it larger than ${limits.entries} entries or ${limits.bytes} bytes`);
      }
      return entry;
    },

    finish() {
      for (const [name, aim] of aims) {
        if (parents(aim).some((folder) => kinds.get(folder) === 'symlink')) {
          throw refusal(name, 'links through another link');
        }
      }
    },
  };
}

/** tar-stream has no name for some. */
const kindOf = ({ type }: { type: string | null }) => type ?? 'special file';

function problemWithName(name: string): string | undefined {
  if (posix.isAbsolute(name)) return 'has an absolute path';
  if (name === '..' || name.startsWith('../')) return 'leaves the archive by ".."';
  if (name.includes('\0')) return 'has a NUL in its name';
  return undefined;
}

function toEntry({ type, linkname }: Header, name: string): Entry | undefined {
  if (type === 'directory') return { name, kind: 'directory' };
  if (type === 'file' || type === 'contiguous-file') return { name, kind: 'file' };
  if (type === 'symlink' && linkname) return { name, kind: 'symlink', linkname };
  return undefined;
}

/**
 * What a link leads to, undefined if that may lie outside. `..` is taken at the beginning only: after a name, which may be
 * a link, it would lead elsewhere than it seems.
 */
function aimOf(name: string, linkname: string): string | undefined {
  if (posix.isAbsolute(linkname) || linkname.includes('\0')) return undefined;
  const steps = linkname.split('/').filter((step) => step !== '' && step !== '.');
  const down = steps.findIndex((step) => step !== '..');
  if (down !== -1 && steps.slice(down).includes('..')) return undefined;
  const aim = posix.join(posix.dirname(name), ...steps);
  return aim === '..' || aim.startsWith('../') ? undefined : aim;
}

/** `a/b/c` → `a`, `a/b`. */
function parents(name: string): string[] {
  const steps = name.split('/');
  return steps.slice(1).map((_step, index) => steps.slice(0, index + 1).join('/'));
}
