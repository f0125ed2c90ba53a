import tar, { type Pack } from 'tar-stream';

/** An archive to fill. An entry that nobody waits for may fail unheard: the archive tells, and the worker must not end by it. */
export function createPack(): Pack {
  const pack = tar.pack();
  pack.on('error', () => undefined);
  const entry = pack.entry.bind(pack) as (...args: unknown[]) => ReturnType<Pack['entry']>;
  pack.entry = (...args: unknown[]) => entry(...args).on('error', () => undefined);
  return pack;
}
