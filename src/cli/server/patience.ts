import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { SluiceError } from '../../core/errors.ts';
import { hostFiles } from '../host/files.ts';
import type { Needs } from '../host/leases.ts';
import { runningHost } from '../host/record.ts';
import type { Tell } from '../output.ts';
import { openSession, type Session } from './session.ts';

/** How long a server may be away before a command gives up. */
const patienceMs = 10 * 60_000;
/** How long `sluice dev` may be away before a server of our own takes its place. */
const devPatienceMs = 20_000;
const lookMs = 400;
/** gRPC: CANCELLED (the channel was closed), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const passing = new Set([1, 4, 8, 14]);

/** A connection that is made anew when the server went away and came back, perhaps elsewhere. */
export interface Line {
  readonly session: Session;
  /** Does the work, again and again while the server can't be reached. */
  patiently<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Sees to it that the embedded server, if that is the one in use, has a worker. */
  needWorker(): Promise<void>;
  /** Asks no more. The connection ends with the process. */
  hangUp(): void;
}

export async function openLine(config: Config, needs: Needs, tell: Tell): Promise<Line> {
  let session = await openSession(config, needs, tell);
  let hungUp = false;
  let reopening: Promise<void> | null = null;
  const reopen = async () => {
    tell(`The server at ${session.server.address} does not answer; trying again for some minutes`);
    // Somebody who ends `sluice dev` is likely to start it again.
    if (session.server.kind === 'dev') await untilHost(config, devPatienceMs);
    // The old one is not closed: gRPC throws where nobody can catch it when a call waits for its next attempt.
    session = await insistOnSession(config, needs, tell);
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
          return await whileCurrent(used, work(used));
        } catch (error) {
          // A call that lasted (a long poll) did reach the server.
          if (Date.now() - begun > 20_000) deadline = Date.now() + patienceMs;
          if (hungUp || (!isPassing(error) && used.isCurrent()) || Date.now() > deadline) throw error;
          await reopenOnce(used);
          await sleep(200);
        }
      }
    },
    async needWorker() {
      if (session.server.kind !== 'configured') await openSession(config, 'worker', () => undefined);
    },
    hangUp() {
      hungUp = true;
    },
  };
}

async function insistOnSession(config: Config, needs: Needs, tell: Tell): Promise<Session> {
  for (const deadline = Date.now() + patienceMs; ;) {
    try {
      return await openSession(config, needs, tell);
    } catch (error) {
      const hopeless = error instanceof SluiceError && error.code === 'EngineUnavailable';
      if (hopeless || Date.now() > deadline) throw error;
      await sleep(1000);
    }
  }
}

async function untilHost({ home }: Config, ms: number): Promise<void> {
  const deadline = Date.now() + ms;
  while (runningHost(hostFiles(home)) === null && Date.now() < deadline) await sleep(lookMs);
}

/** Gives up when the host is gone, which gRPC alone takes up to half a minute to notice. */
async function whileCurrent<T>(session: Session, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  try {
    return await Promise.race([work, failWhenGone(session, over.signal)]);
  } finally {
    over.abort();
    work.catch(() => undefined);
  }
}

async function failWhenGone(session: Session, over: AbortSignal): Promise<never> {
  // Twice in a row: a host may take its record away for a moment.
  for (let times = 0; times < 2;) {
    await sleep(lookMs);
    if (over.aborted) return new Promise(() => undefined);
    times = session.isCurrent() ? 0 : times + 1;
  }
  throw new Error(`the server at ${session.server.address} has ended`);
}

/** Whether the server could not be reached; what it answered is no reason to ask again. */
export function isPassing(error: unknown): boolean {
  if (isGrpcServiceError(error)) return passing.has(error.code);
  const cause = error instanceof Error ? error.cause : undefined;
  return isGrpcServiceError(cause) && passing.has(cause.code);
}
