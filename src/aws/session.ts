import { SluiceError } from '../core/errors.ts';
import type { ResolvedSession, SessionSettings } from '../core/session.ts';
import { quote } from '../core/wording.ts';
import type { BucketsApi } from './buckets.ts';
import type { CallerIdentity, StsApi } from './sts.ts';

export interface AccountOptions {
  sts: StsApi;
  /** Whether there surely is such a region; of newer ones that need not be known. */
  knowsRegion: (region: string) => boolean;
}

export interface SessionOptions extends AccountOptions {
  buckets: BucketsApi;
  /** What the worker's environment says, for pipelines that leave it out. */
  defaults: { role: string | null; bucket: string | null };
}

export type OpenSession = (settings: SessionSettings, signal: AbortSignal) => Promise<ResolvedSession>;

const defaultPrefix = 'sluice';

/**
 * Finds out where in AWS a run takes place: what the file says, else the environment, else the AWS configuration; and looks
 * whether it is all there. The default bucket is made if it is missing, as the SageMaker SDK does; no other is.
 *
 * @throws SluiceError `InvalidInput` for what is missing or wrong, `AccessDenied` without credentials or permission,
 * `CredentialsExpired` and `ServiceUnavailable` for what may be mended meanwhile.
 */
export function createOpenSession({ buckets, defaults, ...options }: SessionOptions): OpenSession {
  return async (settings, signal) => {
    const { region, ...identity } = await openAccount(options, settings.region, signal);
    const roleArn = resolveRole(settings.role ?? defaults.role, identity);
    const { accountId } = identity;
    const wanted = settings.bucket ?? defaults.bucket;
    const { name: bucket, exists } = await findBucket(wanted, { region, accountId }, buckets, signal);
    if (!exists) await buckets.create(bucket, region, signal);
    return { region, accountId, roleArn, bucket, prefix: settings.prefix ?? defaultPrefix };
  };
}

export interface Account extends CallerIdentity {
  region: string;
}

/** Where the credentials of this process work. @param region - default: that of the AWS configuration. @throws SluiceError as {@link createOpenSession}. */
export async function openAccount(
  { sts, knowsRegion }: AccountOptions,
  region: string | undefined,
  signal: AbortSignal,
): Promise<Account> {
  const chosen = region ?? (await sts.configuredRegion());
  if (chosen === null) {
    throw new SluiceError(
      'InvalidInput',
      'No region is set for mode "sagemaker": set session.region, AWS_REGION, or the region of the AWS profile',
    );
  }
  try {
    return { region: chosen, ...(await identify(sts, chosen, signal)) };
  } catch (error) {
    if (knowsRegion(chosen) || !isWithoutAddress(error, chosen)) throw error;
    const todo =
      region === undefined
        ? 'correct AWS_REGION, or the region of the AWS profile'
        : 'correct the region that was set (session.region of the pipeline file, --region of a sweep)';
    throw new SluiceError(
      'InvalidInput',
      `There seems to be no region ${quote(chosen)}: Sluice does not know it, and AWS has no address there; ${todo}`,
      { cause: error },
    );
  }
}

/** Whether the name of AWS's host in the region has no address. Of an endpoint of one's own, or a proxy, the region is no part. */
function isWithoutAddress(error: unknown, region: string): boolean {
  if (!(error instanceof SluiceError) || error.details.awsCode !== 'ENOTFOUND') return false;
  const { hostname } = (error.cause ?? {}) as { hostname?: string };
  return hostname?.split('.').includes(region) ?? false;
}

async function identify(sts: StsApi, region: string, signal: AbortSignal): Promise<CallerIdentity> {
  try {
    return await sts.getCallerIdentity(region, signal);
  } catch (error) {
    const isForWant =
      error instanceof SluiceError && String(error.details.awsCode).endsWith('CredentialsProviderError');
    // In the middle of a run it is worth waiting for them; before it, whoever started it should know at once.
    throw isForWant ? new SluiceError('AccessDenied', error.message, { cause: error }) : error;
  }
}

/** The ARN of the role. @throws SluiceError `InvalidInput` if there is none, or it is of another account. */
export function resolveRole(role: string | null, { accountId, partition }: CallerIdentity): string {
  if (role === null) {
    throw new SluiceError(
      'InvalidInput',
      'No role is set for mode "sagemaker": set session.role or SLUICE_ROLE to the name or ARN of the IAM role that jobs run ' +
        'under (it must trust sagemaker.amazonaws.com)',
    );
  }
  if (!role.startsWith('arn:')) return `arn:${partition}:iam::${accountId}:role/${role}`;
  const owner = role.split(':')[4];
  if (owner === accountId) return role;
  throw new SluiceError(
    'InvalidInput',
    `The role ${quote(role)} is of account ${owner ?? '?'}, the credentials of the worker are of ${accountId}: SageMaker takes ` +
      'roles of its own account only',
  );
}

/**
 * The bucket of an account: that which is configured, or the default one, which may not be there yet.
 * @throws SluiceError `InvalidInput` if a configured one is missing, or it is in another region; `AccessDenied`.
 */
export async function findBucket(
  configured: string | null,
  { region, accountId }: Pick<Account, 'region' | 'accountId'>,
  buckets: BucketsApi,
  signal: AbortSignal,
): Promise<{ name: string; exists: boolean }> {
  const isDefault = configured === null;
  const name = configured ?? `sagemaker-${region}-${accountId}`;
  // Its name can be guessed: somebody else may have made it, to see what comes.
  const found = await buckets.find(name, region, isDefault ? accountId : null, signal);
  if (found === null && !isDefault) {
    throw new SluiceError(
      'InvalidInput',
      `There is no bucket ${quote(name)}: correct session.bucket or SLUICE_BUCKET, or make it (aws s3 mb s3://${name} --region ${region})`,
    );
  }
  if (found !== null && found.region !== null && found.region !== region) {
    throw new SluiceError(
      'InvalidInput',
      `The bucket ${quote(name)} is in ${found.region}, the session in ${region}: SageMaker takes buckets of its own region only`,
    );
  }
  return { name, exists: found !== null };
}
