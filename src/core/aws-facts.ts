import { SluiceError } from './errors.ts';

/** What AWS answered, as `details` of the error that `src/aws/errors.ts` makes of it. */
export interface AwsFacts {
  /** `ResourceInUse`, say; of a connection that failed the code of the system: `ECONNREFUSED`. */
  awsCode: string;
  /** Null when there was no answer. */
  httpStatus: number | null;
  requestId: string | null;
}

/** Whether an error is AWS's answer of one of these codes; `ResourceInUse` and `ResourceInUseException` are the same. */
export function isAwsError(error: unknown, ...codes: readonly string[]): boolean {
  if (!(error instanceof SluiceError)) return false;
  const { awsCode } = error.details;
  return codes.some((code) => code === awsCode || `${code}Exception` === awsCode);
}
