import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.ts';
import type { EngineSecurity } from '../../../src/engines/container/client.ts';
import { mountable, type MountingClient } from '../../../src/engines/container/mountable.ts';
import { createPack } from '../../../src/engines/container/pack.ts';
import { folderPerTest } from '../../support/folders.ts';

const folder = folderPerTest();

/** An engine that sees the files of this machine. Its probes are refused by the statuses, one after another, until there is none left. */
function engine(security: Partial<EngineSecurity> = {}, refusals: number[] = [], isOfAnotherUser = false) {
  const probes: string[] = [];
  const client: MountingClient = {
    security: () => Promise.resolve({ labelsFiles: false, remapsUsers: false, ...security }),
    create: (name, body) => {
      const status = refusals.shift();
      if (status !== undefined)
        return Promise.reject(
          new SluiceError('EngineUnavailable', 'no', { details: { engineStatus: status } }),
        );
      probes.push(name);
      source = (body.HostConfig as { Mounts: { Source: string }[] }).Mounts[0]!.Source;
      return Promise.resolve(true);
    },
    async getArchive() {
      const pack = createPack();
      pack.entry({ name: 'probe' }, await readFile(source));
      pack.finalize();
      if (!isOfAnotherUser || ((await stat(source)).mode & 0o004) !== 0) return Readable.from(pack);
      // As Docker does: the head of the file, and no more.
      const bytes = Buffer.concat(await Readable.from(pack).toArray());
      return Readable.from([bytes.subarray(0, 512)]);
    },
    statPath: () => Promise.resolve(null),
    remove: () => Promise.resolve(),
  };
  let source = '';
  return { client, probes };
}

describe('an input', () => {
  const ask = async (client: MountingClient, mode = 0o644, user = '') => {
    const source = join(folder(), 'input');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'data.csv'), '1');
    chmodSync(join(source, 'data.csv'), mode);
    const inputs = [{ source, target: '/opt/ml/input', isFolder: true, isSharded: false }];
    const image = { reference: 'image', user };
    return (
      (await mountable({ client, home: { folder: join(folder(), 'jobs') } }, inputs, image)).length === 1
    );
  };

  it('is mounted where the engine sees it, and that is asked once', async () => {
    const { client, probes } = engine();
    expect(await ask(client)).toBe(true);
    expect(await ask(client)).toBe(true);
    expect(probes).toHaveLength(1);
  });

  it('is sent to an engine that sees it, and may not read what only this user may', async () => {
    expect(await ask(engine({}, [], true).client)).toBe(false);
  });

  it('is sent to containers that read files with a label of SELinux only', async () => {
    expect(await ask(engine({ labelsFiles: true }).client)).toBe(false);
  });

  it('that others may not read is sent where root of a container is somebody else', async () => {
    expect(await ask(engine().client, 0o600)).toBe(true);
    expect(await ask(engine({ remapsUsers: true }).client, 0o600)).toBe(false);
    expect(await ask(engine({ remapsUsers: true }).client, 0o644)).toBe(true);
  });

  it('is sent when a probe is refused, and the next is probed again', async () => {
    const { client } = engine({}, [500]);
    expect(await ask(client)).toBe(false);
    expect(await ask(client)).toBe(true);
  });

  it('is sent for ever when the engine has no such path', async () => {
    const { client } = engine({}, [400]);
    expect(await ask(client)).toBe(false);
    expect(await ask(client)).toBe(false);
  });
});
