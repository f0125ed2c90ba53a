import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFolder, readConfig } from '../src/config.ts';
import { folderPerTest } from './support/folders.ts';

const folder = folderPerTest();
const toolchainFile = () => join(folder(), 'toolchain.json');
const read = (env: Record<string, string>) => readConfig(env, toolchainFile());

describe('without any variable', () => {
  it('everything lies below the working folder', () => {
    const home = join(process.cwd(), '.sluice');
    expect(read({})).toMatchObject({
      root: process.cwd(),
      home,
      storageFolder: join(home, 'storage'),
      registryFolder: join(home, 'registry'),
      jobsFolder: join(home, 'jobs'),
    });
  });

  it('everything else has a value too', () => {
    expect(read({})).toMatchObject({
      taskQueue: 'sluice',
      isolation: 'auto',
      localSlots: availableParallelism(),
      python: null,
      temporalCli: null,
      logLevel: 'info',
      logFormat: process.stderr.isTTY ? 'pretty' : 'json',
      healthAddress: null,
      metricsAddress: null,
      shutdownSeconds: 10,
      role: null,
      bucket: null,
    });
  });
});

describe('the folders', () => {
  it('follow the root, which may be relative to the working folder', () => {
    const root = resolve('some/project');
    for (const SLUICE_ROOT of ['some/project', './some/project/', 'some/other/../project', root]) {
      expect(read({ SLUICE_ROOT })).toMatchObject({
        root,
        home: join(root, '.sluice'),
        storageFolder: join(root, '.sluice', 'storage'),
      });
    }
  });

  it('may be relative to the root or absolute', () => {
    const env = { SLUICE_ROOT: '/project', SLUICE_HOME: 'home', SLUICE_STORAGE: 'data' };
    expect(read(env)).toMatchObject({
      home: '/project/home',
      storageFolder: '/project/data',
      jobsFolder: '/project/home/jobs',
    });
    expect(read({ ...env, SLUICE_HOME: '/var/sluice', SLUICE_STORAGE: '/mnt/data' })).toMatchObject({
      home: '/var/sluice',
      storageFolder: '/mnt/data',
      registryFolder: '/var/sluice/registry',
    });
  });

  it('of the project itself is the one with package.json', () => {
    expect(projectFolder).toBe(resolve(import.meta.dirname, '..'));
  });
});

describe('a variable', () => {
  it('that is set decides', () => {
    const env = {
      SLUICE_TASK_QUEUE: 'mine',
      SLUICE_QUEUES: 'local',
      SLUICE_INSTANCE_CAPS: 'ml.p4d.24xlarge=2, ml.g5=8',
      TEMPORAL_DEPLOYMENT_NAME: 'sluice',
      TEMPORAL_WORKER_BUILD_ID: '1.2',
      SLUICE_PROCESS_ISOLATION: 'none',
      SLUICE_LOCAL_SLOTS: '3',
      SLUICE_PYTHON: '/usr/bin/python3',
      SLUICE_ROLE: 'Jobs',
      SLUICE_BUCKET: 'shellfish',
      SLUICE_LOG_LEVEL: 'debug',
      SLUICE_LOG_FORMAT: 'pretty',
      SLUICE_HEALTH_PORT: '8081',
      SLUICE_SHUTDOWN_SECONDS: '0.5',
      TEMPORAL_CLI_PATH: '/usr/bin/temporal',
    };
    expect(read(env)).toMatchObject({
      taskQueue: 'mine',
      queues: { main: false, local: true },
      instanceCaps: { 'ml.p4d.24xlarge': 2, 'ml.g5': 8 },
      version: { deploymentName: 'sluice', buildId: '1.2' },
      isolation: 'none',
      localSlots: 3,
      python: '/usr/bin/python3',
      logLevel: 'debug',
      logFormat: 'pretty',
      healthAddress: '127.0.0.1:8081',
      shutdownSeconds: 0.5,
      temporalCli: '/usr/bin/temporal',
      role: 'Jobs',
      bucket: 'shellfish',
    });
  });

  it.each([
    ['SLUICE_ROOT', ''],
    ['SLUICE_HOME', ''],
    ['SLUICE_STORAGE', ''],
    ['SLUICE_TASK_QUEUE', ''],
    ['SLUICE_QUEUES', ''],
    ['SLUICE_QUEUES', 'main,other'],
    ['SLUICE_PROCESS_ISOLATION', 'yes'],
    ['SLUICE_INSTANCE_CAPS', ''],
    ['SLUICE_INSTANCE_CAPS', 'ml.g5'],
    ['SLUICE_INSTANCE_CAPS', 'ml.g5=0'],
    ['SLUICE_INSTANCE_CAPS', 'p4d=1'],
    ['SLUICE_INSTANCE_CAPS', 'ml.g5=1,ml.g5=2'],
    ['SLUICE_LOCAL_SLOTS', '0'],
    ['SLUICE_LOCAL_SLOTS', '-1'],
    ['SLUICE_LOCAL_SLOTS', '1.5'],
    ['SLUICE_LOCAL_SLOTS', 'many'],
    ['SLUICE_LOCAL_SLOTS', ''],
    ['SLUICE_LOCAL_SLOTS', 'Infinity'],
    ['SLUICE_PYTHON', ''],
    ['SLUICE_ROLE', ''],
    ['SLUICE_ROLE', 'arn:aws:iam::1:user/ann'],
    ['SLUICE_BUCKET', 'Not_A_Bucket'],
    ['SLUICE_LOG_LEVEL', 'INFO'],
    ['SLUICE_LOG_LEVEL', 'silent'],
    ['SLUICE_LOG_FORMAT', 'xml'],
    ['SLUICE_HEALTH_PORT', '0'],
    ['SLUICE_HEALTH_PORT', '65536'],
    ['SLUICE_HEALTH_PORT', ''],
    ['SLUICE_SHUTDOWN_SECONDS', '-1'],
    ['SLUICE_SHUTDOWN_SECONDS', 'soon'],
    ['SLUICE_SHUTDOWN_SECONDS', 'Infinity'],
    ['SLUICE_SHUTDOWN_SECONDS', ''],
    ['SLUICE_SHUTDOWN_SECONDS', ' '],
    ['TEMPORAL_CLI_PATH', ''],
  ])('that is wrong is refused by its name: %s=%s', (name, value) => {
    expect(() => read({ [name]: value })).toThrow(
      expect.objectContaining({
        code: 'InvalidInput',
        message: expect.stringMatching(new RegExp(`^The environment is not valid:\\n {2}${name}: `)),
      }),
    );
  });

  it.each([
    ['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID'],
    ['TEMPORAL_WORKER_BUILD_ID', 'TEMPORAL_DEPLOYMENT_NAME'],
  ])('of a version is refused alone: %s', (there, missing) => {
    expect(() => read({ [there]: 'x' })).toThrow(`${there} is set and ${missing} is not`);
  });

  it('that is wrong is told together with all others', () => {
    expect(() => read({ SLUICE_LOCAL_SLOTS: '0', SLUICE_LOG_LEVEL: 'loud' })).toThrow(
      /SLUICE_LOCAL_SLOTS[\s\S]*SLUICE_LOG_LEVEL/,
    );
  });

  it('of somebody else is passed over', () => {
    expect(() => read({ HOME: '', SLUICE_SKIP_SETUP: '1', PATH: '/bin' })).not.toThrow();
  });
});

describe('the variables of the Docker CLI', () => {
  it('have its defaults', () => {
    expect(read({ HOME: '/home/ann' }).docker).toEqual({
      host: null,
      context: null,
      configFolder: '/home/ann/.docker',
      tls: false,
      tlsVerify: false,
      certFolder: '/home/ann/.docker',
      runtimeFolder: `/run/user/${process.getuid!()}`,
      homeFolder: '/home/ann',
      sshEnvironment: { HOME: '/home/ann' },
    });
  });

  it('are taken as they are', () => {
    const env = {
      DOCKER_HOST: 'tcp://engine:2376',
      DOCKER_CONTEXT: 'farm',
      DOCKER_CONFIG: '/etc/docker-ann',
      DOCKER_TLS: '1',
      DOCKER_TLS_VERIFY: '1',
      DOCKER_CERT_PATH: '/etc/certs',
      XDG_RUNTIME_DIR: '/run/ann',
      HOME: '/home/ann',
      PATH: '/opt/ssh:/bin',
      USER: 'ann',
      SSH_AUTH_SOCK: '/tmp/agent',
      AWS_SECRET_ACCESS_KEY: 'not for ssh',
    };
    expect(read(env).docker).toEqual({
      host: 'tcp://engine:2376',
      context: 'farm',
      configFolder: '/etc/docker-ann',
      tls: true,
      tlsVerify: true,
      certFolder: '/etc/certs',
      runtimeFolder: '/run/ann',
      homeFolder: '/home/ann',
      sshEnvironment: { PATH: '/opt/ssh:/bin', HOME: '/home/ann', USER: 'ann', SSH_AUTH_SOCK: '/tmp/agent' },
    });
  });

  it('look for certificates beside the configuration, relative to the working folder', () => {
    expect(read({ DOCKER_CONFIG: 'conf' }).docker).toMatchObject({
      configFolder: resolve('conf'),
      certFolder: resolve('conf'),
    });
    expect(read({ DOCKER_CERT_PATH: 'certs' }).docker.certFolder).toBe(resolve('certs'));
  });

  it('are unset when they are empty', () => {
    const names = ['HOST', 'CONTEXT', 'CONFIG', 'TLS', 'TLS_VERIFY', 'CERT_PATH'].map(
      (name) => `DOCKER_${name}`,
    );
    const env = Object.fromEntries([...names, 'XDG_RUNTIME_DIR'].map((name) => [name, '']));
    expect(read({ HOME: '/home/ann', ...env }).docker).toEqual(read({ HOME: '/home/ann' }).docker);
  });

  it('mean verification by any text, as the Docker CLI has it', () => {
    expect(read({ DOCKER_TLS_VERIFY: '0' }).docker.tlsVerify).toBe(true);
  });
});

describe('what the set-up found', () => {
  it('is used unless a variable says otherwise', async () => {
    await writeFile(
      toolchainFile(),
      JSON.stringify({ temporal: '/found/temporal', python: '/found/python' }),
    );
    expect(read({})).toMatchObject({ temporalCli: '/found/temporal', python: '/found/python' });
    expect(read({ SLUICE_PYTHON: '/own/python' })).toMatchObject({
      temporalCli: '/found/temporal',
      python: '/own/python',
    });
  });

  it('has a Python of its own for xgboost, unless a variable names one for all frameworks', async () => {
    const found = { temporal: null, python: '/found/python' };
    await writeFile(toolchainFile(), JSON.stringify(found));
    expect(read({}).frameworkPythons).toEqual({ xgboost: null });
    const frameworks = { xgboost: { python: '/found/xgboost', requirements: 'requirements.txt' } };
    await writeFile(toolchainFile(), JSON.stringify({ ...found, frameworks }));
    expect(read({}).frameworkPythons).toEqual({ xgboost: '/found/xgboost' });
    expect(read({ SLUICE_PYTHON: '/own/python' }).frameworkPythons).toEqual({});
  });

  it('may lack the Temporal CLI', async () => {
    await writeFile(toolchainFile(), JSON.stringify({ temporal: null, python: '/found/python' }));
    expect(read({})).toMatchObject({ temporalCli: null, python: '/found/python' });
  });

  it.each(['{"temporal": "/x', '', 'null', '{"python": 3, "temporal": null}'])(
    'is refused by the name of its file when it is damaged: %j',
    async (text) => {
      await writeFile(toolchainFile(), text);
      expect(() => read({})).toThrow(
        expect.objectContaining({
          code: 'InvalidInput',
          message: expect.stringContaining(toolchainFile()),
        }),
      );
    },
  );

  it('is refused by the name of its file when that is a folder', async () => {
    await mkdir(toolchainFile());
    expect(() => read({})).toThrow(toolchainFile());
  });
});

describe('what pip of jobs is told', () => {
  it('is what the person has set for pip, without credentials', () => {
    const { settings, withheld } = read({
      HOME: folder(),
      PIP_INDEX_URL: 'https://index.example/simple',
      PIP_EXTRA_INDEX_URL: 'https://a.example/simple https://ann:secret@b.example/simple',
      PIP_PROXY: 'http://token@proxy.example:3128',
      PIP_TRUSTED_HOST: '',
      PIP_TARGET: '/elsewhere',
    }).pip;
    expect(settings).toEqual({ PIP_INDEX_URL: 'https://index.example/simple' });
    expect(withheld).toEqual(['PIP_EXTRA_INDEX_URL', 'PIP_PROXY']);
  });

  it.each([['.config/pip'], ['.pip']])('is the file in %s, unless another one is named', async (place) => {
    await mkdir(join(folder(), place), { recursive: true });
    const file = join(folder(), place, 'pip.conf');
    await writeFile(file, '[global]\n');
    expect(read({ HOME: folder() }).pip.settings).toEqual({ PIP_CONFIG_FILE: file });
    const env = { HOME: folder(), PIP_CONFIG_FILE: '/dev/null' };
    expect(read(env).pip.settings).toEqual({ PIP_CONFIG_FILE: '/dev/null' });
  });
});

describe('the address of the metrics', () => {
  it.each([
    ['9464', '127.0.0.1:9464'],
    ['0.0.0.0:9464', '0.0.0.0:9464'],
    ['[::]:9464', '[::]:9464'],
  ])('%s is %s: a port alone is one of the loopback', (SLUICE_METRICS_PORT, metricsAddress) => {
    expect(read({ SLUICE_METRICS_PORT })).toMatchObject({ metricsAddress });
  });

  it.each(['', '0', '65536', 'localhost:9464', '300.0.0.1:80', '::1:9464', '127.0.0.1:', '9464x'])(
    'cannot be %j',
    (SLUICE_METRICS_PORT) => {
      expect(() => read({ SLUICE_METRICS_PORT })).toThrow(
        /SLUICE_METRICS_PORT: must be a port of the loopback/,
      );
    },
  );
});

describe('where traces go', () => {
  const endpoint = 'http://collector:4318';
  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, `${endpoint}/v1/traces`],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://traces.example/otlp/' },
      'https://traces.example/otlp/v1/traces',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x' },
      'http://t/x',
    ],
  ])('by %j is %s', (env, url) => {
    expect(read(env).traces?.url).toBe(url);
  });

  it.each([
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: 'TRUE' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_EXPORTER: 'none' },
  ])('by %j is nowhere', (env) => {
    expect(read(env).traces).toBeNull();
  });

  it('has what they have in common, and no secret', () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,team=ml%20ops, broken',
    };
    expect(read(env).traces?.resource).toEqual({ 'service.name': 'other', team: 'ml ops' });
    expect(read({ ...env, OTEL_SERVICE_NAME: 'mine' }).traces?.resource).toMatchObject({
      'service.name': 'mine',
    });
    expect(JSON.stringify(read(env))).not.toContain('abc');
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, /must be an http:\/\/ or https:\/\/ URL/],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /by OTLP\/HTTP, not by gRPC/,
    ],
  ])('cannot be by %j', (env, message) => {
    expect(() => read(env)).toThrow(message);
  });
});
