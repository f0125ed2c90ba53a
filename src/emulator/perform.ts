import { AwsError } from './aws-error.ts';
import { chance } from './chance.ts';
import type { Emulator } from './emulator.ts';
import type { Fault, Target } from './faults.ts';
import type { Request } from './handle.ts';
import type { Job, JobView } from './job.ts';
import { filterLogEvents } from './logs.ts';
import { nameIn, operations } from './operations/index.ts';
import type { Life } from './script.ts';
import { serviceModel } from './service-model.ts';
import { checkSignature, type Service, type Signer } from './signature.ts';
import type { Body, Region } from './store.ts';
import { callerIdentity } from './sts.ts';
import { validateInput } from './validate.ts';

/** How far a call has come, for the ledger: it is filled in on the way. */
export interface Progress {
  readonly service: Service;
  operation: string;
  input: unknown;
  signer: Signer | null;
  faults: readonly Fault[];
  /** Whether the operation was carried out. */
  committed: boolean;
}

/** Carries out one call. @returns the body of the answer. @throws AwsError for a refusal. */
export function perform(emulator: Emulator, request: Request, progress: Progress): string {
  const { service } = progress;
  const form = service === 'sts' ? Object.fromEntries(new URLSearchParams(request.body)) : null;
  progress.operation = form?.Action ?? operationOf(request);
  const parsed = form ?? parse(request.body);
  progress.input = parsed;
  progress.signer = checkSignature(request.headers, service);
  const target = {
    ...progress.signer,
    operation: progress.operation,
    name: nameIn(progress.operation, parsed),
  };
  progress.faults = emulator.faults.meet(target);
  refuseFirst(emulator, progress.faults, target);
  if (form) {
    const answer = callerIdentity(progress.operation, emulator.accountId, request.requestId);
    progress.committed = true;
    return answer;
  }
  if (parsed === undefined) throw new AwsError('SerializationException', 'The request is not a JSON object');
  const output =
    service === 'logs'
      ? readLogs(emulator, progress, parsed)
      : operate(emulator, progress, validateInput(progress.operation, parsed));
  progress.committed = true;
  for (const fault of progress.faults)
    if (fault.fault === 'server-error' && fault.when === 'after') throw serverError(fault.status);
  return JSON.stringify(output);
}

/** Of what is asked of CloudWatch Logs. */
export const logsPrefix = 'Logs_20140328.';

function readLogs({ store, executor }: Emulator, { signer, faults }: Progress, input: unknown): Body {
  const page = filterLogEvents(input, store.region(signer?.region ?? ''), (job) => executor.logFile(job));
  if (!faults.some(({ fault }) => fault === 'empty-page')) return page;
  // Tokens are numbers: this is another one, for the same place.
  const { nextToken = '' } = input as { nextToken?: string };
  return { events: [], searchedLogStreams: [], nextToken: `0${nextToken}` };
}

function operationOf({ headers }: Request): string {
  const type = headers['content-type'] ?? '';
  if (!type.startsWith('application/x-amz-json-1.1'))
    throw new AwsError('UnknownOperationException', `${type} is not application/x-amz-json-1.1`, 404);
  const [prefix, operation = ''] = String(headers['x-amz-target'] ?? '').split('.');
  if (`${prefix}.` === logsPrefix && operation === 'FilterLogEvents') return operation;
  const { targetPrefix, operations: known } = serviceModel();
  if (prefix !== targetPrefix || !Object.hasOwn(known, operation))
    throw new AwsError('UnknownOperationException', `The emulator does not know ${prefix}.${operation}`, 404);
  return operation;
}

/** AWS takes null for absent. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown) => (value === null ? undefined : value)) as unknown;
  } catch {
    return undefined;
  }
}

/** What is refused before the request is looked at. */
function refuseFirst(emulator: Emulator, faults: readonly Fault[], target: Target): void {
  if (!emulator.faults.allows(target)) throw throttled();
  for (const fault of faults) {
    switch (fault.fault) {
      case 'throttle':
        throw throttled();
      case 'server-error':
        if (fault.when === 'before') throw serverError(fault.status);
        break;
      case 'error':
        throw new AwsError(fault.code, fault.message, fault.status);
      case 'lost-request':
        throw new AwsError('ConnectionDropped', 'the request was lost on its way', 500);
      case 'expired-credentials':
        throw new AwsError(
          'ExpiredTokenException',
          'The security token included in the request is expired',
          403,
        );
      default:
    }
  }
}

const throttled = () => new AwsError('ThrottlingException', 'Rate exceeded');
const serverError = (status: 500 | 503) =>
  status === 503
    ? new AwsError('ServiceUnavailable', 'The service is temporarily unavailable. Please retry later.', 503)
    : new AwsError('InternalFailure', 'The request processing has failed because of an unknown error.', 500);

function operate(emulator: Emulator, progress: Progress, input: Body): Body {
  const { operation, faults, signer } = progress;
  const handler = operations[operation];
  if (handler === undefined || signer === null) throw new Error(`${operation} has no handler`);
  const region = emulator.store.region(signer.region);
  const name = nameIn(operation, input) ?? '';
  for (const { fault } of faults) {
    if (fault === 'quota') throw quotaExceeded(operation, input);
    if (fault === 'vanish')
      for (const job of jobsNamed(emulator, name, region.place.region)) emulator.forget(job);
    if (fault === 'interrupt')
      for (const job of jobsNamed(emulator, name, region.place.region)) emulator.executor.interrupt(job);
  }
  const count = region.tags.size;
  const output = handler({
    operation,
    input,
    region,
    now: emulator.clock.now(),
    executor: emulator.executor,
    reportOf: emulator.reportOf,
    life: lifeUnder(faults),
    viewOf: (job) => viewUnder(emulator, faults, job, operation),
  });
  // Everything that is made has tags, if only none: a repeated request makes nothing.
  if (region.tags.size > count) hide(emulator, faults, region, output);
  return disguise(faults, output);
}

/** What was just made is not to be read for a while. */
function hide({ clock }: Emulator, faults: readonly Fault[], { hidden }: Region, output: Body): void {
  const fault = faults.find((met) => met.fault === 'not-yet');
  const arn = Object.entries(output).find(([member]) => member.endsWith('Arn'))?.[1];
  if (fault === undefined || typeof arn !== 'string') return;
  hidden.set(arn, fault.what);
  clock.at(clock.now() + fault.seconds * 1000, () => void hidden.delete(arn));
}

const jobsNamed = (emulator: Emulator, name: string, region: string) =>
  emulator.find(name).filter((job) => job.region === region);

/** aws/amazon-sagemaker-examples has the words, in its page on quotas. */
function quotaExceeded(operation: string, input: Body): AwsError {
  const resources = (input.ResourceConfig ?? input.TransformResources ?? {}) as { InstanceType?: string };
  const cluster = (input.ProcessingResources as { ClusterConfig?: { InstanceType?: string } } | undefined)
    ?.ClusterConfig;
  const type = resources.InstanceType ?? cluster?.InstanceType ?? 'ml.m5.xlarge';
  const kind = operation.replace(/^Create|Job$/g, '').toLowerCase();
  return new AwsError(
    'ResourceLimitExceeded',
    `The account-level service limit '${type} for ${kind} job usage' is 0 Instances, with current utilization of 0 Instances ` +
      'and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota.',
  );
}

const capacityError =
  'CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.';

function lifeUnder(faults: readonly Fault[]): Life {
  const changes = faults.map((fault): Life => {
    if (fault.fault === 'capacity')
      return { end: 'Failed', failAfter: 'Starting', failureReason: capacityError };
    if (fault.fault === 'internal-failure') {
      const failureReason = 'InternalServerError: We encountered an internal error. Please try again.';
      return { end: 'Failed', failAfter: 'Training', failureReason };
    }
    return fault.fault === 'life' ? fault.life : {};
  });
  return Object.assign({}, ...changes) as Life;
}

/** What Describe shows of a job: what it is, or was. */
function viewUnder(emulator: Emulator, faults: readonly Fault[], job: Job, operation: string): JobView {
  const fault = faults.find((met) => met.fault === 'stale');
  if (fault === undefined) return job.view;
  const { seed } = emulator.script();
  const back =
    fault.transitions === 'any'
      ? 1 +
        Math.floor(
          chance(seed, job.name, emulator.faults.nth({ operation, name: job.name })) * job.past.length,
        )
      : fault.transitions;
  return job.past.at(-Math.min(back, job.past.length)) ?? job.view;
}

/** States that no client knows. */
function disguise(faults: readonly Fault[], output: Body): Body {
  const fault = faults.find((met) => met.fault === 'unknown-state');
  const status = Object.keys(output).find((member) => member.endsWith('JobStatus'));
  if (fault === undefined || status === undefined || output[status] !== 'InProgress') return output;
  return {
    ...output,
    ...(fault.status !== undefined && { [status]: fault.status }),
    ...('SecondaryStatus' in output && { SecondaryStatus: fault.secondaryStatus }),
  };
}
