import type { LocalOptions } from '../../core/jobs.ts';
import { instanceSize } from './instance-types.ts';

/** A container to make, before it is put into the engine's words. */
export interface ContainerSpec {
  name: string;
  image: string;
  /** Null: the image's own. */
  entrypoint: readonly string[] | null;
  command: readonly string[] | null;
  environment: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  hostname: string;
  network: Network;
  /** Folders and files of this machine that the container reads. */
  mounts: readonly { source: string; target: string }[];
  instanceType: string;
  options: LocalOptions;
}

export type Network =
  | { kind: 'none' }
  | { kind: 'default' }
  /** One of the job's own, on which it goes by this name. */
  | { kind: 'own'; name: string; alias: string }
  /** That of another container. */
  | { kind: 'of'; container: string };

/** The body of the engine's call that creates a container. */
export type CreateBody = Readonly<Record<string, unknown>>;

const gigabyte = 2 ** 30;
const megabyte = 2 ** 20;

export function createBody(spec: ContainerSpec): CreateBody {
  const { network } = spec;
  return {
    Image: spec.image,
    // An entrypoint of ours clears the image's command, as `docker run --entrypoint` does.
    ...(spec.entrypoint !== null && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command !== null && { Cmd: [...spec.command] }),
    Env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels },
    // SageMaker's, whatever the image says; and the one by which the supervisor knows a stop by somebody else.
    StopSignal: 'SIGTERM',
    // It shares everything of the network, the name included.
    ...(network.kind !== 'of' && { Hostname: spec.hostname }),
    HostConfig: {
      Mounts: spec.mounts.map(({ source, target }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: true,
      })),
      NetworkMode: networkMode(network),
      ...extraHosts(spec),
      RestartPolicy: { Name: 'no' },
      // Whatever the engine's default is, its log must be readable.
      LogConfig: { Type: 'json-file', Config: {} },
      ...resources(spec),
    },
    ...(network.kind === 'own' && {
      NetworkingConfig: { EndpointsConfig: { [network.name]: { Aliases: [network.alias] } } },
    }),
  };
}

function networkMode(network: Network): string {
  switch (network.kind) {
    case 'none':
      return 'none';
    case 'default':
      return 'default';
    case 'own':
      return network.name;
    case 'of':
      return `container:${network.container}`;
  }
}

/** Names that the engine puts into /etc/hosts beside its own. */
function extraHosts({ network, hostname, options }: ContainerSpec): { ExtraHosts?: string[] } {
  // It has that container's file, and the engine refuses any addition.
  if (network.kind === 'of') return {};
  const hosts = [
    // The engine itself writes the name beside the address on a network, and here is none; script mode waits until it resolves.
    ...(network.kind === 'none' ? [`${hostname}:127.0.0.1`] : []),
    ...(options.hostGateway === true ? ['host.docker.internal:host-gateway'] : []),
  ];
  return hosts.length === 0 ? {} : { ExtraHosts: hosts };
}

function resources({ options, instanceType }: ContainerSpec): Record<string, unknown> {
  const size = options.limits === 'instance' ? instanceSize(instanceType) : null;
  const cpus = options.cpus ?? size?.cpus;
  const memoryGb = options.memoryGb ?? size?.memoryGb;
  const { gpus } = options;
  return {
    ...(cpus !== undefined && { NanoCpus: Math.round(cpus * 1e9) }),
    // Without swap, as on an instance: too much memory is an error there.
    ...(memoryGb !== undefined && {
      Memory: Math.round(memoryGb * gigabyte),
      MemorySwap: Math.round(memoryGb * gigabyte),
    }),
    ...(options.sharedMemoryMb !== undefined && { ShmSize: options.sharedMemoryMb * megabyte }),
    ...(options.init === true && { Init: true }),
    ...(gpus !== undefined && {
      DeviceRequests: [{ Driver: '', Count: gpus === 'all' ? -1 : gpus, Capabilities: [['gpu']] }],
    }),
  };
}
