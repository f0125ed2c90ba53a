import { existsSync } from 'node:fs';
import { loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import { SluiceError } from '../core/errors.ts';

export type ConnectOptions = ReturnType<typeof toClientOptions>['connectionOptions'];

/** The Temporal server to use, named as for the Temporal CLI: by `TEMPORAL_…` variables, else by a profile of its file. */
export interface ServerSettings {
  options: ConnectOptions;
  /** Null if neither names one. */
  address: string | null;
  /** Default: `default`. */
  namespace: string;
  /** What named the address, for messages. */
  source: string;
}

export type ConfiguredServer = ServerSettings & { address: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws SluiceError `InvalidInput` or `Unsupported` if what is set cannot be used. */
export function serverSettings(env: Environment = process.env): ServerSettings {
  const set = withoutEmpty(env);
  const file = set.TEMPORAL_CONFIG_FILE;
  if (file !== undefined && !existsSync(file))
    throw unusable(`TEMPORAL_CONFIG_FILE names ${file}, which does not exist`);
  refuseUnsupported(set);
  const profile = reading(() => loadClientConfigProfile({ overrideEnvVars: set }));
  const { tls } = profile;
  // The library would go without either, and the server refuse for no reason that is told.
  if ((tls?.clientCert === undefined) !== (tls?.clientKey === undefined))
    throw unusable('a client certificate takes a certificate and a key, and only one of them is set');
  const { connectionOptions: options, namespace = 'default' } = reading(() => toClientOptions(profile));
  const source =
    set.TEMPORAL_ADDRESS === undefined
      ? `the profile ${set.TEMPORAL_PROFILE ?? 'default'}${file === undefined ? '' : ` of ${file}`}`
      : 'TEMPORAL_ADDRESS';
  return { options, address: options.address ?? null, namespace, source };
}

/** Null if none is named; then the server of `sluice dev` or one of its own is used. */
export function configuredServer(env?: Environment): ConfiguredServer | null {
  const { address, ...settings } = serverSettings(env);
  return address === null ? null : { address, ...settings };
}

/** How the connection is made, for messages; never a secret. */
export function described({ address, source, options }: ServerSettings): string {
  const { tls, apiKey } = options;
  const pair = typeof tls === 'object' && tls?.clientCertPair ? ' with a client certificate' : '';
  const how = [tls ? `TLS${pair}` : 'no TLS', ...(apiKey === undefined ? [] : ['an API key'])].join(', ');
  return `${address ?? 'localhost:7233'} (from ${source}; ${how})`;
}

/** A compose file sets what it has no value for to nothing. For headers nothing means: not this one. */
function withoutEmpty(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && (entry[1] !== '' || entry[0].startsWith('TEMPORAL_GRPC_META_')),
    ),
  );
}

function refuseUnsupported(env: Environment): void {
  if (!/^(1|true)$/i.test(env.TEMPORAL_TLS_DISABLE_HOST_VERIFICATION ?? '')) return;
  throw new SluiceError(
    'Unsupported',
    'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is not honoured: name the authority of the server in TEMPORAL_TLS_SERVER_CA_CERT_PATH, and its name in TEMPORAL_TLS_SERVER_NAME',
  );
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    // The library walks into a file that has no profile at all.
    const reason = error instanceof TypeError ? 'the file has no [profile.…]' : (error as Error).message;
    throw unusable(reason, error);
  }
}

const unusable = (reason: string, cause?: unknown) =>
  new SluiceError('InvalidInput', `The settings of the Temporal server cannot be used: ${reason}`, { cause });
