import { SluiceError } from '../core/errors.ts';
import { clientOptions, lazily } from './config.ts';
import { toSluiceError } from './errors.ts';
import { listening, type CallListener } from './listening.ts';

/** Whose credentials the worker has. */
export interface CallerIdentity {
  /** Twelve digits. */
  accountId: string;
  /** Of a user or of an assumed role. */
  arn: string;
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  partition: string;
}

export interface StsApi {
  /** The region of the AWS configuration: `AWS_REGION`, or that of the profile. Null without one. */
  configuredRegion(): Promise<string | null>;
  /**
   * Asks AWS whose credentials these are; whoever has valid ones may.
   * @throws SluiceError `CredentialsExpired` without valid credentials, `AccessDenied`, `ServiceUnavailable`.
   */
  getCallerIdentity(region: string, signal?: AbortSignal): Promise<CallerIdentity>;
}

export function createStsApi(onCall?: CallListener): StsApi {
  const load = lazily(() => import('@aws-sdk/client-sts'));
  return {
    async configuredRegion() {
      const { STSClient } = await load();
      const client = new STSClient(clientOptions());
      try {
        return await client.config.region();
      } catch {
        // The SDK has no other word for "none".
        return null;
      } finally {
        client.destroy();
      }
    },

    async getCallerIdentity(region, signal) {
      const { STSClient, GetCallerIdentityCommand } = await load();
      const client = listening(new STSClient(clientOptions(region)), onCall);
      try {
        signal?.throwIfAborted();
        const options = { ...(signal && { abortSignal: signal }) };
        const { Account, Arn } = await client.send(new GetCallerIdentityCommand({}), options);
        return parseIdentity(Account, Arn);
      } catch (error) {
        signal?.throwIfAborted();
        throw toSluiceError(error, `GetCallerIdentity in ${region}`);
      } finally {
        client.destroy();
      }
    },
  };
}

function parseIdentity(account: string | undefined, arn: string | undefined): CallerIdentity {
  const partition = /^arn:(aws[a-z-]*):/.exec(arn ?? '')?.[1];
  if (account !== undefined && arn !== undefined && partition !== undefined) {
    return { accountId: account, arn, partition };
  }
  throw new SluiceError('ServiceUnavailable', `GetCallerIdentity: the answer has no account or no ARN`);
}
