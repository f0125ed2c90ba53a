import { describe, expect, it } from 'vitest';
import { toSluiceError } from '../../src/aws/errors.ts';
import { isAwsError } from '../../src/core/aws-facts.ts';
import { SluiceError, type ErrorCode } from '../../src/core/errors.ts';

/** As the AWS SDK throws them: the name is the code of the answer. */
const thrown = (name: string, status: number | undefined, message = 'a text that AWS may change') =>
  Object.assign(new Error(message), {
    name,
    $metadata: { requestId: 'r-1', ...(status !== undefined && { httpStatusCode: status }) },
  });

const answers: [string, number, ErrorCode][] = [
  ['ThrottlingException', 400, 'Throttled'],
  ['Throttling', 400, 'Throttled'],
  ['TooManyRequestsException', 429, 'Throttled'],
  ['RequestLimitExceeded', 503, 'Throttled'],
  ['SlowDown', 503, 'Throttled'],
  ['SomethingNew', 429, 'Throttled'],
  ['ResourceLimitExceeded', 400, 'QuotaExceeded'],
  ['ServiceQuotaExceededException', 400, 'QuotaExceeded'],
  ['InsufficientInstanceCapacity', 500, 'CapacityUnavailable'],
  ['ExpiredToken', 400, 'CredentialsExpired'],
  ['ExpiredTokenException', 400, 'CredentialsExpired'],
  ['RequestExpired', 400, 'CredentialsExpired'],
  ['InvalidIdentityTokenException', 400, 'CredentialsExpired'],
  ['IDPCommunicationErrorException', 400, 'CredentialsExpired'],
  ['AccessDeniedException', 400, 'AccessDenied'],
  ['AccessDenied', 403, 'AccessDenied'],
  ['UnrecognizedClientException', 400, 'AccessDenied'],
  ['InvalidClientTokenId', 403, 'AccessDenied'],
  ['InvalidSignatureException', 400, 'AccessDenied'],
  ['RequestTimeTooSkewed', 403, 'AccessDenied'],
  ['SomethingNew', 403, 'AccessDenied'],
  ['SomethingNew', 401, 'AccessDenied'],
  ['ValidationException', 400, 'InvalidInput'],
  ['ResourceNotFound', 400, 'InvalidInput'],
  ['NoSuchBucket', 404, 'InvalidInput'],
  ['SomethingNew', 400, 'InvalidInput'],
  ['SomethingNew', 404, 'InvalidInput'],
  ['ResourceInUse', 400, 'SpecMismatch'],
  ['ConflictException', 409, 'ServiceUnavailable'],
  ['InternalFailure', 500, 'ServiceUnavailable'],
  ['ServiceUnavailable', 503, 'ServiceUnavailable'],
  ['Unknown', 500, 'ServiceUnavailable'],
  ['SomethingNew', 504, 'ServiceUnavailable'],
];

describe('what AWS answers', () => {
  it.each(answers)('with %s and status %i is %s', (name, status, code) => {
    const error = toSluiceError(thrown(name, status), 'DescribeTrainingJob job-1');
    expect(error).toMatchObject({ code, details: { awsCode: name, httpStatus: status, requestId: 'r-1' } });
    expect(error.message).toContain('DescribeTrainingJob job-1: ');
    expect(error.message).toContain(name);
    expect(error.message).toContain('a text that AWS may change');
  });

  it('is judged by its code, whatever its text says', () => {
    const error = thrown('ValidationException', 400, 'ThrottlingException: Rate exceeded, already exists');
    expect(toSluiceError(error, 'x').code).toBe('InvalidInput');
  });

  it('cut short, or from somebody else than AWS, is tried again', () => {
    expect(toSluiceError(thrown('SyntaxError', 200), 'x').code).toBe('ServiceUnavailable');
    const cut = Object.assign(new Error('aborted'), {
      code: 'ECONNRESET',
      $metadata: { httpStatusCode: 200 },
    });
    expect(toSluiceError(cut, 'x')).toMatchObject({
      code: 'ServiceUnavailable',
      details: { awsCode: 'ECONNRESET' },
    });
  });
});

describe('what comes without an answer', () => {
  it.each([
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }), 'ENOTFOUND'],
    [Object.assign(new Error('too slow'), { name: 'TimeoutError', code: 'ETIMEDOUT' }), 'TimeoutError'],
    ['not even an error', 'Unknown'],
  ])('is tried again: %s', (error, awsCode) => {
    expect(toSluiceError(error, 'x')).toMatchObject({
      code: 'ServiceUnavailable',
      retryable: true,
      details: { awsCode, httpStatus: null },
    });
  });

  it('for want of credentials says what to do, and waits for somebody to do it', () => {
    const error = Object.assign(new Error('Could not load credentials from any providers'), {
      name: 'CredentialsProviderError',
    });
    const failure = toSluiceError(error, 'CreateTrainingJob job-1');
    expect(failure).toMatchObject({ code: 'CredentialsExpired', retryable: true });
    expect(failure.retryAfterMs).toBeGreaterThanOrEqual(10_000);
    expect(failure.message).toMatch(/no valid credentials.*AWS_PROFILE.*aws sso login/);
  });
});

describe('a clock that is wrong', () => {
  it.each(['RequestTimeTooSkewed', 'InvalidSignatureException', 'SignatureDoesNotMatch'])(
    'is named as one of the causes of %s',
    (name) => {
      expect(toSluiceError(thrown(name, 403), 'x').message).toMatch(/clock.*secret access key/);
    },
  );
});

describe('the cause', () => {
  it('has the words of the SDK, and nothing of the request and its signature', () => {
    const error = Object.assign(thrown('ValidationException', 400), {
      $response: { req: { headers: { authorization: 'AWS4-HMAC-SHA256 …' } } },
    });
    const { cause } = toSluiceError(error, 'x');
    expect(cause).toMatchObject({ name: 'ValidationException', message: error.message, stack: error.stack });
    expect(Object.keys(cause as Error)).not.toContain('$response');
  });
});

describe('an error of ours', () => {
  it('stays what it is', () => {
    const ours = new SluiceError('StorageError', 'full');
    expect(toSluiceError(ours, 'x')).toBe(ours);
  });

  it('is asked for the code of AWS, with or without "Exception"', () => {
    const error = toSluiceError(thrown('ValidationException', 400), 'x');
    expect(isAwsError(error, 'ResourceNotFound', 'Validation')).toBe(true);
    expect(isAwsError(error, 'ValidationException')).toBe(true);
    expect(isAwsError(error, 'ResourceNotFound')).toBe(false);
    expect(isAwsError(new SluiceError('InvalidInput', 'ValidationException'), 'Validation')).toBe(false);
    expect(isAwsError(thrown('ValidationException', 400), 'Validation')).toBe(false);
  });
});
