import { createBucketsApi } from '../../aws/buckets.ts';
import { createSageMakerApi } from '../../aws/sagemaker.ts';
import { findBucket, openAccount, resolveRole, type Account } from '../../aws/session.ts';
import { createStsApi } from '../../aws/sts.ts';
import type { Config } from '../../config.ts';
import { SluiceError, type ErrorCode } from '../../core/errors.ts';
import { knowsRegion } from '../../engines/sagemaker/images.ts';
import { lastLine, type Check } from './check.ts';

const patienceMs = 30_000;

/** What runs in mode "sagemaker" need of AWS; makes nothing. @param asked - whether or not this machine is set up for such runs. */
export async function checkAws(config: Config, asked: boolean): Promise<Check[]> {
  if (!asked && config.role === null && config.bucket === null) {
    const said = 'not looked at: neither SLUICE_ROLE nor SLUICE_BUCKET is set; `--aws` looks all the same';
    return [{ what: 'AWS', state: 'note', said }];
  }
  const signal = AbortSignal.timeout(patienceMs);
  let account: Account;
  try {
    account = await openAccount({ sts: createStsApi(), knowsRegion }, undefined, signal);
  } catch (error) {
    const todo = adviceFor(error, { AccessDenied: credentials, InvalidInput: credentials });
    return [{ what: 'AWS identity', state: 'failure', said: lastLine(error), todo }];
  }
  const { accountId, arn, region } = account;
  return [
    { what: 'AWS identity', state: 'ok', said: `${arn}, account ${accountId}, region ${region}` },
    checkRole(config, account),
    await checkBucket(config, account, signal),
    await checkSageMaker(account, signal),
  ];
}

const credentials =
  'set AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, for the worker';

const policy = 'docs/security.md has the policy';

/** What goes by the error; `known` is what the same code means at this call. */
function adviceFor(error: unknown, known: Partial<Record<ErrorCode, string>>): string {
  const code = error instanceof SluiceError ? error.code : 'ServiceUnavailable';
  if (code === 'CredentialsExpired') return credentials;
  return known[code] ?? 'see whether this machine reaches AWS, and look again';
}

function checkRole({ role }: Config, account: Account): Check {
  const what = 'AWS role';
  if (role === null)
    return { what, state: 'note', said: 'SLUICE_ROLE is not set: each pipeline names one by session.role' };
  try {
    const said = `${resolveRole(role, account)}; whether SageMaker may assume it shows at the first job`;
    return { what, state: 'ok', said };
  } catch (error) {
    return { what, state: 'failure', said: lastLine(error), todo: 'correct SLUICE_ROLE' };
  }
}

async function checkBucket({ bucket }: Config, account: Account, signal: AbortSignal): Promise<Check> {
  const what = 'AWS bucket';
  try {
    const { name, exists } = await findBucket(bucket, account, createBucketsApi(), signal);
    return exists
      ? { what, state: 'ok', said: name }
      : { what, state: 'note', said: `${name} is not there yet; the first run makes it` };
  } catch (error) {
    const todo = adviceFor(error, { AccessDenied: policy, InvalidInput: 'correct SLUICE_BUCKET' });
    return { what, state: 'failure', said: lastLine(error), todo };
  }
}

/** No job has this name. */
const unknownJob = 'sluice-doctor-looks';

/** By a call that every run needs: a worker may list jobs only if it sweeps them. */
async function checkSageMaker({ region }: Account, signal: AbortSignal): Promise<Check> {
  const what = 'SageMaker';
  const fine: Check = { what, state: 'ok', said: `answers in ${region}` };
  try {
    await createSageMakerApi(region).call('DescribeTrainingJob', { TrainingJobName: unknownJob }, signal);
    return fine;
  } catch (error) {
    const code = error instanceof SluiceError ? error.code : null;
    // It looked for the job, so it may be asked.
    if (code === 'InvalidInput') return fine;
    if (code === 'AccessDenied') {
      const said = `${fine.said}, but not about the job ${unknownJob}: right where the policy names a prefix of jobs`;
      return { what, state: 'note', said };
    }
    return { what, state: 'failure', said: lastLine(error), todo: adviceFor(error, {}) };
  }
}
