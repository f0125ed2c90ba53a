import { SluiceError } from '../core/errors.ts';
import type { EndedJobState } from '../core/jobs.ts';

/** FailureReason takes no more characters. */
const longest = 1024;

type Failed = Extract<EndedJobState, { status: 'failed' }>;

/**
 * Why a job failed, as SageMaker says it: `AlgorithmError: <failure file>, exit code: 1`, with nothing in the place of a file that is not
 * there (aws-samples/amazon-sagemaker-ml-pipeline-deploy-with-terraform#12 has one).
 */
export function failureReason({ code, reason, failure, exitCode }: Failed): string {
  switch (code) {
    case 'JobFailed': {
      if (exitCode === null || exitCode === 0) return cut('AlgorithmError: ', reason);
      return cut('AlgorithmError: ', failure ?? '', `, exit code: ${exitCode}`);
    }
    case 'OutputMissing':
    case 'AccessDenied':
    case 'StorageError':
      return cut('ClientError: ', reason);
    default:
      return cut('InternalServerError: ', `We encountered an internal error. (${reason})`);
  }
}

/** Why a job could not be made, or its data not be brought or taken away. */
export function errorReason(error: unknown): string {
  const isClients = error instanceof SluiceError && !error.retryable;
  return cut(isClients ? 'ClientError: ' : 'InternalServerError: ', (error as Error).message);
}

function cut(before: string, text: string, after = ''): string {
  const room = longest - before.length - after.length;
  return before + Array.from(text).slice(0, room).join('') + after;
}
