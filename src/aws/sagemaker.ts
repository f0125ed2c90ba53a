import { clientOptions, lazily } from './config.ts';
import { toSluiceError } from './errors.ts';
import { listening, type CallListener } from './listening.ts';

type Job = 'ProcessingJob' | 'TrainingJob' | 'TransformJob';
export type SageMakerOperation =
  | `${'Create' | 'Describe' | 'Stop'}${Job}`
  | `List${Job}s`
  | `${'Create' | 'Describe' | 'Delete'}${'Model' | 'ModelPackageGroup'}`
  | `${'Create' | 'Describe' | 'Update'}ModelPackage`
  | `List${'Models' | 'ModelPackages' | 'ModelPackageGroups' | 'Tags'}`
  | 'AddTags';

/** SageMaker, one call at a time. */
export interface SageMakerApi {
  /**
   * Sends one request, once: input and answer are those of the service's model, times are `Date`s. Nothing is tried again.
   * @param signal - gives the call up; what SageMaker makes of it is not known then.
   * @throws SluiceError by the table of `errors.ts`, with {@link AwsFacts} as details; the reason of the signal.
   */
  call(operation: SageMakerOperation, input: object, signal?: AbortSignal): Promise<Record<string, unknown>>;
}

/** The fields that are good for a message: whose call it was. */
const nameFields = /^(\w+Job|Model|ModelPackage|ModelPackageGroup)Name$|^ResourceArn$/;

/** @param region - endpoint and credentials are those that the SDK finds. */
export function createSageMakerApi(region: string, onCall?: CallListener): SageMakerApi {
  const load = lazily(async () => {
    const sdk = await import('@aws-sdk/client-sagemaker');
    return { sdk, client: listening(new sdk.SageMakerClient(clientOptions(region)), onCall) };
  });

  const send = async (operation: SageMakerOperation, input: object, signal?: AbortSignal) => {
    const { sdk, client } = await load();
    // The union of all commands has no constructor that takes anything; SageMaker looks at the input itself.
    const Command = sdk[`${operation}Command`] as new (input: object) => Parameters<typeof client.send>[0];
    const answer: Record<string, unknown> = {
      ...(await client.send(new Command(input), { ...(signal && { abortSignal: signal }) })),
    };
    delete answer.$metadata;
    return answer;
  };

  return {
    async call(operation, input, signal) {
      try {
        signal?.throwIfAborted();
        return await send(operation, input, signal).catch((error: unknown) =>
          isSkewCorrected(error) ? send(operation, input, signal) : Promise.reject(error),
        );
      } catch (error) {
        signal?.throwIfAborted();
        throw toSluiceError(error, describeCall(operation, input));
      }
    },
  };
}

/** After an answer that tells the time the client counts with it: the same request, sent again, has a valid signature. */
function isSkewCorrected(error: unknown): boolean {
  return (error as { $metadata?: { clockSkewCorrected?: boolean } }).$metadata?.clockSkewCorrected === true;
}

function describeCall(operation: SageMakerOperation, input: object): string {
  const name = Object.entries(input).find(
    ([key, value]) => nameFields.test(key) && typeof value === 'string',
  );
  return name === undefined ? operation : `${operation} ${name[1]}`;
}
