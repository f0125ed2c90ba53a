import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findEngineAddresses } from '../../../src/engines/container/connection.ts';
import { command } from '../../support/commands.ts';
import { describePodman, startPodman, type Podman } from '../../support/podman.ts';
import { findProgram } from '../../support/real-parts.ts';
import { unset } from './docker-folder.ts';
import { ask } from './requests.ts';

let folder: string;
let podman: Podman;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-podman-'));
  podman = await startPodman(folder);
});
afterAll(async () => {
  await podman.close();
  await rm(folder, { recursive: true });
});

async function socketOfPodman(): Promise<string> {
  const [found] = await findEngineAddresses(unset(folder, { runtimeFolder: folder }), []);
  if (found?.address.kind !== 'socket') throw new Error('no socket found');
  expect(found.source).toBe('socket of rootless Podman');
  return found.address.path;
}

describePodman('Podman', () => {
  it('is found by its socket and speaks the API of Docker', async () => {
    const socketPath = await socketOfPodman();
    expect(await ask({ socketPath, path: '/_ping' })).toEqual({ status: 200, body: 'OK' });
    expect(JSON.parse((await ask({ socketPath, path: '/version' })).body).Components[0].Name).toBe(
      'Podman Engine',
    );
  });

  it('takes an image, runs a container, sends a file out of it, and forgets both', async () => {
    const socketPath = await socketOfPodman();
    const post = (path: string, body: string | Buffer = '', type = 'application/json') =>
      ask({ socketPath, method: 'POST', path, headers: { 'content-type': type } }, body);
    const imported = await post(
      '/images/create?fromSrc=-&repo=tiny:1',
      await tinyImage(),
      'application/x-tar',
    );
    expect(imported.status).toBe(200);
    const request = {
      Image: 'tiny:1',
      Entrypoint: ['/init', '/nothing-there'],
      HostConfig: { NetworkMode: 'none' },
    };
    expect((await post('/containers/create?name=one', JSON.stringify(request))).status).toBe(201);
    expect(await post('/containers/one/start')).toEqual({ status: 204, body: '' });
    expect(JSON.parse((await post('/containers/one/wait')).body)).toMatchObject({ StatusCode: 127 });
    const file = await ask({ socketPath, path: '/containers/one/archive?path=/hello.txt' });
    expect(file).toMatchObject({ status: 200, body: expect.stringContaining('hello of a file') });
    const forget = (path: string) => ask({ socketPath, method: 'DELETE', path });
    expect(await forget('/containers/one')).toMatchObject({ status: 204 });
    expect(await forget('/images/tiny:1')).toMatchObject({ status: 200 });
  });
});

/** One static program, which ends with 127 when it finds nothing to run, and one file. */
async function tinyImage(): Promise<Buffer> {
  const root = join(folder, 'image');
  await mkdir(root);
  await copyFile(findProgram('docker-init')!, join(root, 'init'));
  await chmod(join(root, 'init'), 0o755);
  await writeFile(join(root, 'hello.txt'), 'hello of a file');
  await command('tar', ['-C', root, '-cf', join(folder, 'image.tar'), '.']);
  return readFile(join(folder, 'image.tar'));
}
