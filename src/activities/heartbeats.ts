import { Context } from '@temporalio/activity';

/** Often enough that a cancellation, which travels back with a heartbeat, is seen within half a second. */
const defaultMs = 400;

/** Gives the details of the heartbeats from now on. It sends none: each is a call to the server, and a job may be over at once. */
export type Tell = (details: unknown) => void;

/** Heartbeats on a timer of its own while `work` goes on, with the details that it told last. */
export async function withHeartbeats<T>(work: (tell: Tell) => Promise<T>, everyMs = defaultMs): Promise<T> {
  const context = Context.current();
  let latest: unknown = null;
  const timer = setInterval(() => context.heartbeat(latest), everyMs);
  try {
    return await work((details) => {
      latest = details;
    });
  } finally {
    clearInterval(timer);
  }
}
