import type { ErrorCode } from '../core/errors.ts';
import { codeOf } from './errors.ts';

/** A request to AWS that was answered, or was not. */
export interface AwsCall {
  /** `SageMaker`, `S3` */
  service: string;
  /** `CreateTrainingJob` */
  operation: string;
  /** `refused`: an answer that may well be what was asked for, such as "not found". `abandoned`: by its caller. */
  result: 'ok' | 'refused' | 'abandoned' | ErrorCode;
  seconds: number;
}

/** Hears of every request, each attempt by itself. */
export type CallListener = (call: AwsCall) => void;

/** The part of the SDK's middleware that is used; its own types are those of one client each. */
type Handler = (args: object) => Promise<object>;
type Middleware = (next: Handler, context: { clientName?: string; commandName?: string }) => Handler;
interface Client {
  middlewareStack: { add(middleware: never, options: never): void };
}

/** Lets the listener hear of all that the client sends. @returns the client. */
export function listening<T extends Client>(client: T, onCall: CallListener | undefined): T {
  if (onCall === undefined) return client;
  const sent = new WeakSet<object>();
  const attempt: Middleware = (next, context) => (args) => {
    sent.add(context);
    return timed(onCall, context, () => next(args));
  };
  /** Without credentials there is no attempt. */
  const whole: Middleware = (next, context) => async (args) => {
    try {
      return await next(args);
    } catch (error) {
      if (!sent.has(context)) onCall({ ...namesOf(context), result: resultOf(error), seconds: 0 });
      throw error;
    }
  };
  const add = (middleware: Middleware, step: string) =>
    client.middlewareStack.add(
      middleware as never,
      { step, name: `sluice-${step}`, priority: 'low', override: true } as never,
    );
  // Within the SDK's own retries, so that what it tries again is heard, too.
  add(attempt, 'finalizeRequest');
  add(whole, 'initialize');
  return client;
}

async function timed<T>(
  onCall: CallListener,
  context: Parameters<Middleware>[1],
  send: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const tell = (result: AwsCall['result']) =>
    onCall({ ...namesOf(context), result, seconds: (performance.now() - started) / 1000 });
  try {
    const answer = await send();
    tell('ok');
    return answer;
  } catch (error) {
    tell(resultOf(error));
    throw error;
  }
}

const namesOf = ({ clientName = '', commandName = '' }: Parameters<Middleware>[1]) => ({
  service: clientName.replace(/Client$/, ''),
  operation: commandName.replace(/Command$/, ''),
});

function resultOf(error: unknown): AwsCall['result'] {
  if (error instanceof Error && error.name === 'AbortError') return 'abandoned';
  const code = codeOf(error);
  return code === 'InvalidInput' || code === 'SpecMismatch' || code === 'StorageError' ? 'refused' : code;
}
