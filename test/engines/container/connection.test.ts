import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findEngineAddresses, type ConnectionSettings } from '../../../src/engines/container/connection.ts';
import { failureOf, folderPerTest } from '../../support/folders.ts';
import { contextAt, unset, writeConfig, writeContext } from './docker-folder.ts';

const folder = folderPerTest();
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** None of this machine's own sockets: what is found is what the test put there. */
const find = (settings: Partial<ConnectionSettings> = {}) =>
  findEngineAddresses(unset(folder(), settings), [join(folder(), 'docker'), join(folder(), 'podman')]);

async function listenAt(...names: string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder(), name);
    await mkdir(dirname(path), { recursive: true });
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }
}

const addressOf = async (settings: Partial<ConnectionSettings>) => (await find(settings))[0]!.address;

describe('of several engines', () => {
  it('the one of DOCKER_HOST is taken, whatever else there is', async () => {
    await listenAt('docker');
    await writeContext(folder(), 'farm', contextAt('tcp://farm:1'));
    await writeConfig(folder(), { currentContext: 'farm' });
    expect(await find({ host: 'tcp://engine:1', context: 'farm' })).toEqual([
      { address: { kind: 'tcp', host: 'engine', port: 1, tls: null }, source: 'DOCKER_HOST' },
    ]);
  });

  it('the one of DOCKER_CONTEXT comes before that of the configuration', async () => {
    await listenAt('docker');
    await writeContext(folder(), 'farm', contextAt('tcp://farm:1'));
    await writeContext(folder(), 'lab', contextAt('ssh://ann@lab'));
    await writeConfig(folder(), { currentContext: 'lab' });
    expect(await find({ context: 'farm' })).toEqual([
      {
        address: { kind: 'tcp', host: 'farm', port: 1, tls: null },
        source: 'context "farm" of DOCKER_CONTEXT',
      },
    ]);
  });

  it('the one of the current context comes before every socket', async () => {
    await listenAt('docker');
    await writeContext(folder(), 'lab', contextAt('ssh://ann@lab'));
    await writeConfig(folder(), { currentContext: 'lab' });
    expect(await find()).toEqual([
      {
        address: { kind: 'ssh', destination: 'ann@lab', port: null, remotePath: null },
        source: `context "lab" of currentContext in ${join(folder(), '.docker', 'config.json')}`,
      },
    ]);
  });

  it('every socket that is there is told in the order of preference', async () => {
    await listenAt(
      'podman',
      'run/podman/podman.sock',
      '.docker/run/docker.sock',
      'run/docker.sock',
      'docker',
    );
    expect(await find()).toEqual(
      [
        ['docker', "Docker's socket"],
        ['run/docker.sock', 'socket of rootless Docker'],
        ['.docker/run/docker.sock', 'socket of Docker Desktop'],
        ['run/podman/podman.sock', 'socket of rootless Podman'],
        ['podman', "Podman's socket"],
      ].map(([name, source]) => ({ address: { kind: 'socket', path: join(folder(), name!) }, source })),
    );
  });

  it('none is found where none is, and a file is no socket', async () => {
    await writeFile(join(folder(), 'docker'), '');
    expect(await find()).toEqual([]);
    expect(await find({ runtimeFolder: null })).toEqual([]);
  });

  it.each([
    { context: 'default' },
    { config: { currentContext: 'default' } },
    { config: { currentContext: '' } },
  ])('the sockets are those of the context "default": %j', async ({ context = null, config }) => {
    await listenAt('podman');
    await writeConfig(folder(), config ?? { currentContext: 'farm' });
    expect(await find({ context })).toMatchObject([{ source: "Podman's socket" }]);
  });
});

describe('the certificates', () => {
  const certs = async (...names: string[]) => {
    await mkdir(join(folder(), 'certs'));
    for (const name of names) await writeFile(join(folder(), 'certs', name), 'PEM');
    return { host: 'tcp://engine', certFolder: join(folder(), 'certs') };
  };
  const at = (name: string) => join(folder(), 'certs', name);

  it('are those of DOCKER_CERT_PATH, with verification', async () => {
    expect(await addressOf({ ...(await certs('ca.pem', 'cert.pem', 'key.pem')), tlsVerify: true })).toEqual({
      kind: 'tcp',
      host: 'engine',
      port: 2376,
      tls: { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem'), rejectUnauthorized: true },
    });
  });

  it('may be that of the server alone', async () => {
    expect(await addressOf({ ...(await certs('ca.pem')), tlsVerify: true })).toMatchObject({
      tls: { ca: at('ca.pem'), cert: null, key: null, rejectUnauthorized: true },
    });
  });

  it('may go unverified by DOCKER_TLS', async () => {
    expect(await addressOf({ ...(await certs('ca.pem', 'cert.pem', 'key.pem')), tls: true })).toMatchObject({
      port: 2376,
      tls: { ca: null, cert: at('cert.pem'), key: at('key.pem'), rejectUnauthorized: false },
    });
  });

  it('are not looked for without TLS, nor for a socket', async () => {
    expect(await addressOf(await certs())).toMatchObject({ port: 2375, tls: null });
    expect(await addressOf({ host: 'unix:///x', tlsVerify: true })).toEqual({ kind: 'socket', path: '/x' });
    expect(await addressOf({ host: 'ssh://x', tlsVerify: true })).toMatchObject({ kind: 'ssh' });
  });

  it.each([
    [[], 'has no readable ca.pem'],
    [['ca.pem', 'cert.pem'], 'only one of cert.pem and key.pem'],
    [['ca.pem', 'key.pem'], 'only one of cert.pem and key.pem'],
  ])('that are not all there are refused: %j', async (names, why) => {
    expect(await failureOf(find({ ...(await certs(...names)), tlsVerify: true }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(why),
    });
  });

  it('of a context lie beside it', async () => {
    const files = { 'ca.pem': 'A', 'cert.pem': 'B', 'key.pem': 'C' };
    const tlsFolder = await writeContext(folder(), 'farm', contextAt('tcp://farm'), files);
    expect(await addressOf({ context: 'farm' })).toEqual({
      kind: 'tcp',
      host: 'farm',
      port: 2376,
      tls: {
        ca: join(tlsFolder, 'ca.pem'),
        cert: join(tlsFolder, 'cert.pem'),
        key: join(tlsFolder, 'key.pem'),
        rejectUnauthorized: true,
      },
    });
  });

  it('of a context go unverified by its SkipTLSVerify', async () => {
    await writeContext(folder(), 'farm', contextAt('tcp://farm:1', { SkipTLSVerify: true }));
    expect(await addressOf({ context: 'farm' })).toMatchObject({
      tls: { ca: null, cert: null, key: null, rejectUnauthorized: false },
    });
  });

  it('of a context are refused when one is missing', async () => {
    await writeContext(folder(), 'farm', contextAt('tcp://farm:1'), { 'key.pem': 'C' });
    expect(await failureOf(find({ context: 'farm' }))).toMatchObject({ code: 'InvalidInput' });
  });
});

describe('a context', () => {
  it('without an address is the socket of Docker', async () => {
    await writeContext(folder(), 'farm', contextAt(''));
    expect(await addressOf({ context: 'farm' })).toEqual({ kind: 'socket', path: '/var/run/docker.sock' });
  });

  it('that is not there is refused by its name and who named it', async () => {
    await listenAt('docker');
    expect(await failureOf(find({ context: 'fram' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(
        /^The context "fram" of DOCKER_CONTEXT is not there .*docker context ls/,
      ),
    });
    await writeConfig(folder(), { currentContext: '../fram' });
    expect((await failureOf(find())).message).toContain('"../fram" of currentContext in');
  });

  it.each([
    ['{', 'it is not JSON'],
    ['[]', 'it is not a JSON object'],
    ['{}', 'no endpoint "docker"'],
    ['{"Endpoints":{"docker":{"Host":1}}}', 'its Host is not a text'],
    ['{"Endpoints":{"docker":{"Host":"tcp://x","SkipTLSVerify":"no"}}}', 'SkipTLSVerify is neither'],
    ['{"Endpoints":{"docker":{"Host":"https://x"}}}', 'unknown scheme "https"'],
  ])('that is damaged is refused by its file: %s', async (meta, why) => {
    await writeContext(folder(), 'farm', meta);
    expect(await failureOf(find({ context: 'farm' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(new RegExp(`meta\\.json.*${why}`)),
    });
  });
});

describe('the configuration', () => {
  it.each([
    ['{"auths": {"x": {"auth": "c2VjcmV0"', 'it is not JSON'],
    ['3', 'it is not a JSON object'],
    [{ currentContext: 3 }, 'currentContext is not a text'],
    [{ auths: [] }, 'auths is not an object'],
    [{ auths: { x: { auth: { deep: 'c2VjcmV0' } } } }, 'auths\\["x"\\].auth is not a text'],
    [{ credHelpers: { x: 1 } }, 'credHelpers\\["x"\\] is not a text'],
  ])('that is damaged is refused by its file, and not quoted: %j', async (content, why) => {
    await writeConfig(folder(), content);
    const failure = await failureOf(find());
    expect(failure.code).toBe('InvalidInput');
    expect(failure.cause).toBeUndefined();
    expect(failure.message).toMatch(new RegExp(`config\\.json cannot be used: ${why}; .*DOCKER_CONFIG`));
    expect(failure.message).not.toContain('c2VjcmV0');
  });

  it('that is a folder is refused by its name', async () => {
    await mkdir(join(folder(), '.docker', 'config.json'), { recursive: true });
    expect(await failureOf(find())).toMatchObject({ code: 'InvalidInput' });
  });
});
