import { SluiceError } from '../../core/errors.ts';

/** The HTTP status by which the engine refused; null for every other error. */
export function refusalStatus(error: unknown): number | null {
  const status = error instanceof SluiceError ? error.details.engineStatus : undefined;
  return typeof status === 'number' ? status : null;
}

/** The engine said no: to a request that it finds wrong it would say so again. */
export function refusal(status: number, message: string): SluiceError {
  return new SluiceError('EngineUnavailable', message, {
    details: { engineStatus: status },
    ...(status < 500 && { retryable: false }),
  });
}

/** Makes the library's errors ours: a refusal has a status, anything else means that the engine was not reached. */
export async function ask<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asOurs(error);
  }
}

export function asOurs(error: unknown): unknown {
  if (error instanceof SluiceError) return error;
  const { statusCode, code, message, json } = error as NodeJS.ErrnoException & {
    statusCode?: number;
    json?: { message?: string };
  };
  if (statusCode !== undefined) return refusal(statusCode, json?.message ?? message);
  if (code === 'EACCES' || code === 'EPERM') {
    return new SluiceError('AccessDenied', `The container engine may not be used by this user: ${message}`, {
      cause: error,
    });
  }
  if (code !== undefined) {
    return new SluiceError('EngineUnavailable', `The container engine does not answer: ${message}`, {
      cause: error,
    });
  }
  return error;
}

export async function unlessMissing<T>(answer: Promise<T>, ...alsoFine: number[]): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if ([404, ...alsoFine].includes(refusalStatus(error) ?? 0)) return null;
    throw error;
  }
}
