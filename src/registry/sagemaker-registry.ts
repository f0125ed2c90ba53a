import { isAwsError } from '../core/aws-facts.ts';
import { untilVisible, type Waiting } from '../core/closely.ts';
import { SluiceError } from '../core/errors.ts';
import type { ModelBody } from '../core/jobs.ts';
import { groupRequest, packageRequest } from './package-requests.ts';
import { tagListOf } from '../core/tags.ts';
import type { Registry } from './registry.ts';

type Operation =
  | 'CreateModel'
  | 'DescribeModel'
  | 'CreateModelPackageGroup'
  | 'DescribeModelPackageGroup'
  | 'CreateModelPackage';

/** Sends a request to SageMaker, and again where it had no answer: all of them may be repeated. */
export type RegistryCall = (
  request: { operation: Operation; input: Record<string, unknown> },
  options?: { signal?: AbortSignal | undefined },
) => Promise<Record<string, unknown>>;

const groupPollMs = 2000;
const groupPatienceMs = 120_000;

/** Models and model packages of Amazon SageMaker. */
export function createSageMakerRegistry(send: RegistryCall, clock: Waiting): Registry {
  return {
    async createModel(name, model, { signal, tags = {} } = {}) {
      const call: RegistryCall = (request) => send(request, { signal });
      try {
        await call({ operation: 'CreateModel', input: { ModelName: name, ...model, Tags: tagListOf(tags) } });
      } catch (error) {
        // A model of that name is a ValidationException like any other, so what is there decides what it meant.
        if (!isAwsError(error, 'Validation')) throw error;
        const look = () => lookFor(call, 'DescribeModel', { ModelName: name });
        const found = await untilVisible(clock, look, signal);
        if (found === null) throw error;
        if (isSameModel(found, model)) return;
        throw new SluiceError(
          'SpecMismatch',
          `Model ${name} exists already in SageMaker and was made from another request`,
          { details: { modelName: name } },
        );
      }
    },

    async register(request, signal) {
      const call: RegistryCall = (asked) => send(asked, { signal });
      await ensureGroup({ call, clock }, groupRequest(request), signal);
      const answer = await call({ operation: 'CreateModelPackage', input: packageRequest(request) });
      const arn = String(answer.ModelPackageArn);
      return {
        group: request.group,
        version: Number(arn.slice(arn.lastIndexOf('/') + 1)),
        approvalStatus: request.approvalStatus,
      };
    },
  };
}

async function lookFor(
  call: RegistryCall,
  operation: Operation,
  input: Record<string, unknown>,
): Promise<Record<string, unknown> | null> {
  try {
    return await call({ operation, input });
  } catch (error) {
    if (isAwsError(error, 'ResourceNotFound', 'Validation')) return null;
    throw error;
  }
}

/** What SageMaker adds of its own (`Mode`, `ModelDataSource`) is no difference. */
function isSameModel(found: Record<string, unknown>, model: ModelBody): boolean {
  const { PrimaryContainer: container, ...rest } = model;
  return contains(found.PrimaryContainer, container) && contains(found, rest);
}

function contains(found: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return found === wanted;
  const inner = (found ?? {}) as Record<string, unknown>;
  return Object.entries(wanted).every(([key, value]) => contains(inner[key], value));
}

/** A group takes versions once it is completed. Several runs may make it at once. */
async function ensureGroup(
  { call, clock }: { call: RegistryCall; clock: Waiting },
  request: ReturnType<typeof groupRequest>,
  signal?: AbortSignal,
): Promise<void> {
  const { ModelPackageGroupName: name } = request;
  const look = () => lookFor(call, 'DescribeModelPackageGroup', { ModelPackageGroupName: name });
  let found = await look();
  if (found === null) {
    await call({ operation: 'CreateModelPackageGroup', input: request }).catch(async (error: unknown) => {
      found = isAwsError(error, 'Validation', 'Conflict', 'ResourceInUse')
        ? await untilVisible(clock, look, signal)
        : null;
      if (found === null) throw error;
    });
  }
  for (const started = clock.now(); ;) {
    const status = (found ?? (await look()))?.ModelPackageGroupStatus;
    if (status === 'Completed') return;
    if (status === 'Failed' || status === 'DeleteFailed' || clock.now() - started > groupPatienceMs) {
      throw new SluiceError(
        'ServiceUnavailable',
        `The model package group ${name} is ${typeof status === 'string' ? status : 'not to be found'}; it takes versions when it is Completed`,
        { details: { group: name } },
      );
    }
    found = null;
    await clock.wait(groupPollMs, signal);
  }
}
