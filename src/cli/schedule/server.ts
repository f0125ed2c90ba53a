import { isGrpcServiceError, ScheduleNotFoundError, type ScheduleHandle } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { usageError } from '../errors.ts';
import { findSession, isLasting, type Session } from '../server/session.ts';

/** gRPC's status code for what the server finds wrong with a request. */
const invalidArgument = 3;

/** Works with a server that stays: one that ends with the command would start no run. */
export async function withServer<T>(config: Config, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await findSession(config);
  try {
    if (session === null || !isLasting(session.server))
      throw usageError(
        'Runs at times need a server that stays: start `sluice dev` in another terminal, or set TEMPORAL_ADDRESS',
      );
    return await work(session);
  } catch (error) {
    const cause = error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : error;
    if (!isGrpcServiceError(cause) || (cause.code as number) !== invalidArgument) throw error;
    throw usageError(`The Temporal server refuses: ${cause.details}`);
  } finally {
    await session?.close();
  }
}

export async function withSchedule<T>(
  config: Config,
  id: string,
  work: (handle: ScheduleHandle, session: Session) => Promise<T>,
): Promise<T> {
  return withServer(config, async (session) => {
    try {
      return await work(session.client.schedule.getHandle(id), session);
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      throw usageError(`There is no schedule ${id}; \`sluice schedule list\` shows what there is`);
    }
  });
}
