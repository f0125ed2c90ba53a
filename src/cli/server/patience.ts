import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError } from '@temporalio/client';
import type { Config } from '../../config.ts';
import type { Tell } from '../output.ts';
import { openSession, type Session } from './session.ts';

/** How long a server may be away before a command gives up. */
const patienceMs = 10 * 60_000;
/** gRPC: CANCELLED (the channel was closed), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const passing = new Set([1, 4, 8, 14]);

/** A connection that is made anew when the server went away and came back, perhaps elsewhere. */
export interface Line {
  readonly session: Session;
  /** Does the work, again and again while the server can't be reached. */
  patiently<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openLine(config: Config, tell: Tell): Promise<Line> {
  let session = await openSession(config, tell);
  let closed = false;
  let reopening: Promise<void> | null = null;
  const reopen = async () => {
    const old = session;
    tell(`The server at ${old.server.address} does not answer; trying again for some minutes`);
    for (const deadline = Date.now() + patienceMs; ;) {
      try {
        session = await openSession(config, tell);
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(1000);
      }
    }
    await old.close().catch(() => undefined);
  };
  // One of those who noticed makes the new connection.
  const reopenOnce = (used: Session) =>
    used === session ? (reopening ??= reopen().finally(() => (reopening = null))) : Promise.resolve();
  return {
    get session() {
      return session;
    },
    async patiently(work) {
      let deadline = Date.now() + patienceMs;
      for (;;) {
        if (!session.isCurrent()) await reopenOnce(session);
        const used = session;
        const begun = Date.now();
        try {
          return await work(used);
        } catch (error) {
          // A call that lasted (a long poll) did reach the server.
          if (Date.now() - begun > 20_000) deadline = Date.now() + patienceMs;
          if (closed || (!isPassing(error) && used.isCurrent()) || Date.now() > deadline) throw error;
          await reopenOnce(used);
          await sleep(200);
        }
      }
    },
    async close() {
      closed = true;
      await session.close().catch(() => undefined);
    },
  };
}

/** Whether the server could not be reached; what it answered is no reason to ask again. */
export function isPassing(error: unknown): boolean {
  if (isGrpcServiceError(error)) return passing.has(error.code);
  const cause = error instanceof Error ? error.cause : undefined;
  return isGrpcServiceError(cause) && passing.has(cause.code);
}
