import { Context } from '@temporalio/activity';

/** Often enough that a cancellation, which travels back with a heartbeat, is seen within half a second. */
const everyMs = 400;

/** Gives the details of the heartbeats from now on. */
export type Tell = (details: unknown) => void;

/** Heartbeats on a timer of its own while `work` goes on, with the details that it told last. */
export async function withHeartbeats<T>(work: (tell: Tell) => Promise<T>): Promise<T> {
  const context = Context.current();
  let latest: unknown = null;
  const beat = () => context.heartbeat(latest);
  const timer = setInterval(beat, everyMs);
  try {
    return await work((details) => {
      latest = details;
      beat();
    });
  } finally {
    clearInterval(timer);
  }
}
