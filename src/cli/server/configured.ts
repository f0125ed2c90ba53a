import { loadClientConnectConfig } from '@temporalio/envconfig';

export type ConnectOptions = NonNullable<ReturnType<typeof loadClientConnectConfig>['connectionOptions']>;

/** The server that `TEMPORAL_ADDRESS` or the profile names; null if neither does. */
export function configuredServer(): { options: ConnectOptions; address: string; source: string } | null {
  const { connectionOptions: options } = loadClientConnectConfig();
  if (options.address === undefined) return null;
  const source = process.env.TEMPORAL_ADDRESS ? 'TEMPORAL_ADDRESS' : 'the Temporal profile';
  return { options, address: options.address, source };
}

export function namespace(): string {
  return loadClientConnectConfig().namespace ?? 'default';
}
