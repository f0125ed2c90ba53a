import { describe, expect, it } from 'vitest';
import type { LocalOptions } from '../../../src/core/jobs.ts';
import { createBody, type ContainerSpec } from '../../../src/engines/container/requests.ts';

const spec: ContainerSpec = {
  name: 'a-job',
  image: 'python:3',
  entrypoint: ['python3', 'x.py'],
  command: ['--fast'],
  environment: { A: '1', B: 'two words' },
  labels: { 'sluice.job': 'a-job' },
  hostname: 'algo-1',
  network: { kind: 'default' },
  mounts: [{ source: '/data/train', target: '/opt/ml/input/data/train' }],
  instanceType: 'ml.m5.xlarge',
  options: { stopGraceSeconds: 5, maxRuntimeSeconds: 60 },
};
const withOptions = (options: Partial<LocalOptions>, more: Partial<ContainerSpec> = {}) =>
  createBody({ ...spec, ...more, options: { ...spec.options, ...options } });
const hostConfig = (options: Partial<LocalOptions>, more: Partial<ContainerSpec> = {}) =>
  withOptions(options, more).HostConfig as Record<string, unknown>;

describe('the body that creates a container', () => {
  it('has what the job says and no limit that it does not', () => {
    expect(createBody(spec)).toEqual({
      Image: 'python:3',
      Entrypoint: ['python3', 'x.py'],
      Cmd: ['--fast'],
      Env: ['A=1', 'B=two words'],
      Labels: { 'sluice.job': 'a-job' },
      StopSignal: 'SIGTERM',
      Hostname: 'algo-1',
      HostConfig: {
        Mounts: [{ Type: 'bind', Source: '/data/train', Target: '/opt/ml/input/data/train', ReadOnly: true }],
        NetworkMode: 'default',
        RestartPolicy: { Name: 'no' },
        LogConfig: { Type: 'json-file', Config: {} },
      },
    });
  });

  it('leaves entrypoint and command to the image when the job says neither', () => {
    const body = createBody({ ...spec, entrypoint: null, command: null });
    expect(body).not.toHaveProperty('Entrypoint');
    expect(body).not.toHaveProperty('Cmd');
  });

  it('limits nothing by the instance type unless asked', () => {
    for (const name of [
      'NanoCpus',
      'Memory',
      'MemorySwap',
      'ShmSize',
      'Init',
      'ExtraHosts',
      'DeviceRequests',
    ])
      expect(hostConfig({})).not.toHaveProperty(name);
  });

  it('takes CPUs and memory of the instance type, without swap', () => {
    expect(hostConfig({ limits: 'instance' })).toMatchObject({
      NanoCpus: 4e9,
      Memory: 16 * 2 ** 30,
      MemorySwap: 16 * 2 ** 30,
    });
  });

  it('takes explicit limits before those of the instance type, each by itself', () => {
    expect(hostConfig({ limits: 'instance', cpus: 0.1 })).toMatchObject({
      NanoCpus: 1e8,
      Memory: 16 * 2 ** 30,
    });
    expect(hostConfig({ limits: 'instance', memoryGb: 0.25 })).toMatchObject({
      NanoCpus: 4e9,
      Memory: 2 ** 28,
      MemorySwap: 2 ** 28,
    });
    expect(hostConfig({ cpus: 1.5 })).not.toHaveProperty('Memory');
  });

  it('gives whole bytes and nanoseconds, for the engine takes no others', () => {
    expect(hostConfig({ cpus: 1 / 3, memoryGb: 1 / 3 })).toMatchObject({
      NanoCpus: 333_333_333,
      Memory: 357_913_941,
    });
  });

  it('passes GPUs through', () => {
    const request = { Driver: '', Capabilities: [['gpu']] };
    expect(hostConfig({ gpus: 2 }).DeviceRequests).toEqual([{ ...request, Count: 2 }]);
    expect(hostConfig({ gpus: 'all' }).DeviceRequests).toEqual([{ ...request, Count: -1 }]);
  });

  it('has shared memory, an init and the name of the machine when asked', () => {
    expect(hostConfig({ sharedMemoryMb: 512, init: true, hostGateway: true })).toMatchObject({
      ShmSize: 512 * 2 ** 20,
      Init: true,
      ExtraHosts: ['host.docker.internal:host-gateway'],
    });
    expect(hostConfig({ init: false, hostGateway: false })).not.toHaveProperty('Init');
  });

  it('without a network still knows its own name, which script mode waits for', () => {
    expect(hostConfig({}, { network: { kind: 'none' } })).toMatchObject({
      NetworkMode: 'none',
      ExtraHosts: ['algo-1:127.0.0.1'],
    });
  });

  it('on a network of its own goes by the name of its host', () => {
    const body = createBody({ ...spec, network: { kind: 'own', name: 'sluice-a-job', alias: 'algo-2' } });
    expect(body).toMatchObject({
      HostConfig: { NetworkMode: 'sluice-a-job' },
      NetworkingConfig: { EndpointsConfig: { 'sluice-a-job': { Aliases: ['algo-2'] } } },
    });
  });

  it('in the network of another container has no name and no hosts of its own', () => {
    const network = { kind: 'of', container: 'a-job.server' } as const;
    expect(createBody({ ...spec, network })).not.toHaveProperty('Hostname');
    expect(hostConfig({ hostGateway: true }, { network })).toMatchObject({
      NetworkMode: 'container:a-job.server',
    });
    // The engine refuses them together.
    expect(hostConfig({ hostGateway: true }, { network })).not.toHaveProperty('ExtraHosts');
  });
});
