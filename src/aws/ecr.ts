import { SluiceError } from '../core/errors.ts';
import { listening, type CallListener } from './listening.ts';

export interface EcrLogin {
  username: string;
  password: string;
}

/** Long enough for a slow proxy, short enough not to look hung. */
const requestTimeoutMs = 20_000;

/**
 * Asks Amazon ECR for a token for its private registries in a region, with the credentials that the AWS SDK finds; valid for
 * 12 hours. The SDK is loaded at the first call, so that a worker that needs none does not wait for it.
 * @throws SluiceError `AccessDenied` without credentials or permission, `ServiceUnavailable` if ECR does not answer.
 */
export async function loginToEcr(region: string, onCall?: CallListener): Promise<EcrLogin> {
  const { ECRClient, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr');
  const settings = {
    region,
    requestHandler: {
      connectionTimeout: 5000,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
  };
  const client = listening(new ECRClient(settings), onCall);
  try {
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}));
    return parseToken(region, authorizationData?.[0]?.authorizationToken);
  } catch (error) {
    throw error instanceof SluiceError ? error : classify(region, error);
  } finally {
    client.destroy();
  }
}

function parseToken(region: string, token: string | undefined): EcrLogin {
  const text = Buffer.from(token ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  throw new SluiceError(
    'ServiceUnavailable',
    `Amazon ECR in ${region} gave an authorization without a token`,
  );
}

function classify(region: string, error: unknown): SluiceError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const status = statusOf(error);
  const who = `Amazon ECR in ${region}`;
  if (status === undefined && /^(Credentials|Token)ProviderError$/.test(name)) {
    return new SluiceError(
      'AccessDenied',
      `${who} needs AWS credentials to pull its images, and the AWS SDK finds none: ${message}. ` +
        'Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the worker, run `aws sso login`, or give the machine a role',
      { cause: error },
    );
  }
  const isThrottled = status === 429 || name === 'ThrottlingException';
  if (status !== undefined && status >= 400 && status < 500 && !isThrottled) {
    return new SluiceError(
      'AccessDenied',
      `${who} refuses a token: ${name}: ${message}. The AWS credentials of the worker must be valid and allow ecr:GetAuthorizationToken`,
      { cause: error },
    );
  }
  return new SluiceError('ServiceUnavailable', `${who} gives no token: ${name}: ${message}`, {
    cause: error,
  });
}

function statusOf(error: unknown): number | undefined {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}
