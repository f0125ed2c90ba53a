import type { AwsFacts } from '../core/aws-facts.ts';
import { SluiceError, type ErrorCode } from '../core/errors.ts';

/**
 * What the codes of AWS mean here. The names are those of the services' models, of the errors that all services share, and of
 * the lists by which the AWS SDKs know throttling and clock skew. What is not here goes by the HTTP status.
 */
const meanings: Partial<Record<ErrorCode, readonly string[]>> = {
  Throttled: [
    ...['ThrottlingException', 'Throttling', 'ThrottledException', 'RequestThrottled', 'SlowDown'],
    ...[
      'RequestThrottledException',
      'TooManyRequestsException',
      'RequestLimitExceeded',
      'EC2ThrottledException',
    ],
    ...['BandwidthLimitExceeded', 'PriorRequestNotComplete', 'ProvisionedThroughputExceededException'],
    'KMSThrottlingException',
  ],
  QuotaExceeded: ['ResourceLimitExceeded', 'ServiceQuotaExceededException', 'LimitExceededException'],
  CapacityUnavailable: ['InsufficientInstanceCapacity', 'InsufficientCapacityException'],
  CredentialsExpired: [
    ...['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired'],
    // The SDK's own words: where it was told to look, there are no credentials at the moment.
    ...['CredentialsProviderError', 'TokenProviderError'],
    // Web identity, by which a worker in Kubernetes has its role: its token is too old, or who gave it cannot be asked.
    ...['InvalidIdentityTokenException', 'InvalidIdentityToken', 'IDPCommunicationErrorException'],
    'IDPCommunicationError',
  ],
  AccessDenied: [
    ...['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation', 'NotAuthorized', 'OptInRequired'],
    ...['AuthFailure', 'UnrecognizedClientException', 'InvalidClientTokenId', 'InvalidAccessKeyId'],
    ...[
      'MissingAuthenticationToken',
      'MissingAuthenticationTokenException',
      'IncompleteSignature',
      'AllAccessDisabled',
    ],
    ...['IncompleteSignatureException', 'InvalidSignatureException', 'SignatureDoesNotMatch'],
    ...['RequestTimeTooSkewed', 'RequestInTheFuture', 'KMSAccessDeniedException', 'InvalidToken'],
    ...['AuthorizationErrorException', 'InvalidSecurityException'],
  ],
  InvalidInput: [
    ...['ValidationException', 'ValidationError', 'InvalidParameterException', 'InvalidParameterValue'],
    ...['InvalidParameterCombination', 'MissingParameter', 'SerializationException', 'ResourceNotFound'],
    ...['ResourceNotFoundException', 'NoSuchBucket', 'NoSuchKey', 'NotFound', 'InvalidBucketName'],
    ...['UnknownOperationException', 'InvalidAction', 'RequestEntityTooLarge', 'NotFoundException'],
  ],
  SpecMismatch: ['ResourceInUse', 'ResourceInUseException'],
  // Of S3: what was sent is not what arrived, or not yet; the next try sends it anew.
  StorageError: [
    ...['BadDigest', 'InvalidPart', 'IncompleteBody', 'XAmzContentSHA256Mismatch', 'NoSuchUpload'],
    ...['ConditionalRequestConflict', 'OperationAborted', 'PreconditionFailed'],
  ],
  ServiceUnavailable: [
    ...['InternalFailure', 'InternalError', 'InternalServerError', 'InternalServerException'],
    ...['InternalServiceError', 'InternalServiceException', 'ServiceUnavailable', 'InternalErrorException'],
    ...['ServiceUnavailableException', 'RequestTimeout', 'RequestTimeoutException', 'TimeoutError'],
    // Somebody else changes the same thing at this moment.
    'ConflictException',
  ],
};

const codeOfName = new Map(
  Object.entries(meanings).flatMap(([code, names]) => names.map((name) => [name, code as ErrorCode])),
);

/** Signatures are valid for five to fifteen minutes, and a wrong secret key looks the same. */
const skewed = new Set([
  'RequestTimeTooSkewed',
  'RequestInTheFuture',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
]);

/** So long the worker waits before it looks for new credentials: somebody has to do something. */
const credentialsRetryMs = 20_000;

/**
 * What an AWS client threw, by code and status, never by its text, which AWS changes. The
 * details of the error are {@link AwsFacts}.
 * @param what - the call and its object: `CreateTrainingJob abalone-train-…`.
 */
export function toSluiceError(error: unknown, what: string): SluiceError {
  if (error instanceof SluiceError) return error;
  const facts = factsOf(error);
  const code = codeFor(facts);
  return new SluiceError(code, `${what}: ${wording(code, facts, messageOf(error))}`, {
    details: { ...facts },
    cause: plain(error),
    ...(code === 'CredentialsExpired' && { retryAfterMs: credentialsRetryMs }),
  });
}

/** What an AWS client threw, in our words. */
export const codeOf = (error: unknown): ErrorCode => codeFor(factsOf(error));

function codeFor({ awsCode, httpStatus }: AwsFacts): ErrorCode {
  const known = codeOfName.get(awsCode);
  if (known) return known;
  // No answer, or one that was cut short or was not from AWS.
  if (httpStatus === null || httpStatus < 300 || httpStatus >= 500) return 'ServiceUnavailable';
  if (httpStatus === 429) return 'Throttled';
  if (httpStatus === 401 || httpStatus === 403) return 'AccessDenied';
  return 'InvalidInput';
}

/** Undefined where nothing answered. */
export function statusOf(error: unknown): number | undefined {
  return asSdkError(error).$metadata?.httpStatusCode;
}

interface SdkError {
  name?: string;
  message?: string;
  code?: unknown;
  $metadata?: { httpStatusCode?: number; requestId?: string };
}

function factsOf(error: unknown): AwsFacts {
  const { name, code, $metadata } = asSdkError(error);
  const isUnnamed = name === undefined || ['Error', 'TypeError', 'SyntaxError', 'Unknown'].includes(name);
  return {
    awsCode: isUnnamed && typeof code === 'string' ? code : (name ?? 'Unknown'),
    httpStatus: $metadata?.httpStatusCode ?? null,
    requestId: $metadata?.requestId ?? null,
  };
}

/** The SDK's own errors hold the request with its signature, the answer and their sockets: nothing for logs and histories. */
function plain(error: unknown): Error {
  const copy = new Error(asSdkError(error).message ?? String(error));
  if (error instanceof Error) {
    copy.name = error.name;
    if (error.stack !== undefined) copy.stack = error.stack;
    const { hostname } = error as { hostname?: unknown };
    if (typeof hostname === 'string') Object.assign(copy, { hostname });
  }
  return copy;
}

const asSdkError = (error: unknown): SdkError =>
  typeof error === 'object' && error !== null ? error : { message: String(error) };

/** The SDK adds advice for who debugs it on lines of its own. */
const messageOf = (error: unknown) => (asSdkError(error).message ?? '').split('\n')[0]?.trim() ?? '';

function wording(code: ErrorCode, { awsCode }: AwsFacts, message: string): string {
  const said = message === '' || message === 'UnknownError' ? awsCode : `${awsCode}: ${message}`;
  if (skewed.has(awsCode)) {
    return `${said}. Either the clock of the worker's machine is wrong (set it, by NTP say), or its secret access key`;
  }
  if (code === 'Throttled') return `AWS takes no more calls at the moment (${said})`;
  if (awsCode.endsWith('ProviderError')) {
    return (
      `the AWS SDK finds no valid credentials (${said}): set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ` +
      'for the worker, run `aws sso login`, or give the machine a role'
    );
  }
  if (code === 'CredentialsExpired') return `the AWS credentials of the worker are expired (${said})`;
  return said;
}
