import type { IncomingHttpHeaders } from 'node:http';
import { AwsError } from './aws-error.ts';

/** By its names in credentials; logs are those of CloudWatch. */
export type Service = 'sagemaker' | 'sts' | 'logs';

/** Who signed a request, and for where. */
export interface Signer {
  accessKey: string;
  region: string;
  /** When, by the clock of the caller: ISO 8601, to the second. */
  signedAt: string;
}

const form =
  /^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9_]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;_-]+), ?Signature=[0-9a-f]{64}$/;
const amzDate = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/**
 * Checks that a request carries a Signature Version 4 of the right form and scope. The signature itself is not computed: the
 * emulator knows nobody's secret.
 * @throws AwsError with AWS's common errors.
 */
export function checkSignature(headers: IncomingHttpHeaders, service: Service): Signer {
  const { authorization } = headers;
  if (authorization === undefined)
    throw new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token', 403);
  const [, accessKey, date, region, scope, signed] = form.exec(authorization) ?? [];
  if (accessKey === undefined || date === undefined || region === undefined || signed === undefined)
    throw new AwsError(
      'IncompleteSignatureException',
      `${authorization} is not a whole Signature Version 4`,
      403,
    );
  if (scope !== service) throw invalid(`Credential should be scoped to correct service: '${service}'.`);
  const time = headers['x-amz-date'];
  if (typeof time !== 'string' || !amzDate.test(time) || !time.startsWith(date))
    throw invalid('The date in the credential scope does not match the date in the X-Amz-Date header');
  const names = signed.split(';');
  if (!names.includes('host') || !names.includes('x-amz-date'))
    throw invalid("'Host' and 'X-Amz-Date' must be among the signed headers");
  return { accessKey, region, signedAt: time.replace(amzDate, '$1-$2-$3T$4:$5:$6Z') };
}

const invalid = (message: string) => new AwsError('InvalidSignatureException', message, 403);
