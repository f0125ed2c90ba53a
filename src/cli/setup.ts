import { isGrpcServiceError } from '@temporalio/client';
import { readConfig } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import { searchAttributeTypes } from '../core/run.ts';
import { registerAttributes } from '../temporal/search-attributes.ts';
import { usageError } from './errors.ts';
import { print } from './output.ts';
import { findSession, type ServerInfo } from './server/session.ts';

/** Prepares the namespace of the Temporal server; doing it again changes nothing. */
export async function setupCommand(): Promise<number> {
  const session = await findSession(readConfig());
  if (session === null)
    throw usageError(
      'No Temporal server to set up: set TEMPORAL_ADDRESS or a profile, or start `sluice dev`',
    );
  const { client, server } = session;
  try {
    const added = await registerAttributes(client.connection, server.namespace);
    const all = Object.keys(searchAttributeTypes).join(', ');
    print(
      added.length === 0
        ? `Namespace ${server.namespace} has all search attributes: ${all}`
        : `Registered in namespace ${server.namespace}: ${added.join(', ')}`,
    );
    return 0;
  } catch (error) {
    throw explain(error, server);
  } finally {
    await session.close();
  }
}

/** gRPC status codes. */
const notFound = 5;
const refused = [7, 12, 16];

function explain(error: unknown, { address, namespace }: ServerInfo): unknown {
  if (!isGrpcServiceError(error)) return error;
  const failure = (message: string) => new SluiceError('AccessDenied', message, { cause: error });
  if ((error.code as number) === notFound)
    return new SluiceError(
      'InvalidInput',
      `${address} has no namespace ${namespace}; create it with \`temporal operator namespace create --namespace ${namespace}\``,
      { cause: error },
    );
  if (!refused.includes(error.code)) return error;
  const attributes = Object.entries(searchAttributeTypes).map(([name, type]) => `--sa "${name}=${type}"`);
  return failure(
    `${address} lets nobody register search attributes this way (${error.details}). On Temporal Cloud: tcld namespace search-attributes add --namespace ${namespace} ${attributes.join(' ')}`,
  );
}
