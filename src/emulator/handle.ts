import { setTimeout as sleep } from 'node:timers/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { AwsError } from './aws-error.ts';
import type { Emulator } from './emulator.ts';
import type { Fault } from './faults.ts';
import { nameIn } from './operations/index.ts';
import { logsPrefix, perform, type Progress } from './perform.ts';
import { serviceModel } from './service-model.ts';
import type { Service } from './signature.ts';
import { stsError } from './sts.ts';

export interface Request {
  headers: IncomingHttpHeaders;
  body: string;
  requestId: string;
}

/** What goes back. Null: nothing, the connection is dropped. */
export type Answer = { status: number; contentType: string; body: string } | null;

/** Answers one call of AWS's API, and writes it into the ledger. */
export async function handle(emulator: Emulator, request: Request): Promise<Answer> {
  emulator.clock.settle();
  const progress: Progress = {
    service: serviceOf(request.headers),
    operation: '',
    input: null,
    signer: null,
    faults: [],
    committed: false,
  };
  let error: AwsError | null = null;
  let answer: Answer;
  try {
    answer = {
      status: 200,
      contentType: contentTypes[progress.service],
      body: perform(emulator, request, progress),
    };
  } catch (thrown) {
    // A fault of the emulator looks to its client like one of AWS, and to its user like what it is.
    error =
      thrown instanceof AwsError
        ? thrown
        : new AwsError(
            'InternalFailure',
            `The emulator failed: ${(thrown as Error).stack ?? String(thrown)}`,
            500,
          );
    answer = refusal(progress.service, error, request.requestId);
  }
  if (progress.faults.some(isDropping)) answer = null;
  emulator.ledger.write({
    event: 'request',
    service: progress.service,
    operation: progress.operation,
    name: nameIn(progress.operation, progress.input),
    input: progress.input,
    region: progress.signer?.region ?? '',
    accessKey: progress.signer?.accessKey ?? null,
    userAgent: request.headers['user-agent'] ?? null,
    requestId: request.requestId,
    status: answer?.status ?? null,
    error: error && { code: error.code, message: error.message },
    committed: progress.committed,
    faults: progress.faults.map(({ fault }) => fault),
    realTime: Date.now(),
    signedAt: progress.signer?.signedAt ?? null,
  });
  // The ledger says when it was done; a slow answer only arrives later.
  for (const fault of progress.faults) if (fault.fault === 'slow') await sleep(fault.seconds * 1000);
  return answer;
}

const awsJson = 'application/x-amz-json-1.1';
const contentTypes = { sagemaker: awsJson, logs: awsJson, sts: 'text/xml' };

function serviceOf(headers: IncomingHttpHeaders): Service {
  const target = headers['x-amz-target'];
  if (target !== undefined) return String(target).startsWith(logsPrefix) ? 'logs' : 'sagemaker';
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return isForm ? 'sts' : 'sagemaker';
}

const isDropping = ({ fault }: Fault) => fault === 'lost-request' || fault === 'lost-response';

function refusal(service: Service, error: AwsError, requestId: string): Answer {
  const { status, code, message } = error;
  const contentType = contentTypes[service];
  if (service === 'sts') return { status, contentType, body: stsError(error, requestId) };
  // Errors of the service model call it Message, AWS's common ones message.
  const isDeclared = Object.values(serviceModel().operations).some(({ errors }) => errors.includes(code));
  return {
    status,
    contentType,
    body: JSON.stringify({ __type: code, [isDeclared ? 'Message' : 'message']: message }),
  };
}
