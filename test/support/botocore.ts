import { fileURLToPath } from 'node:url';
import type { Entry } from '../../src/emulator/ledger.ts';
import { runAwsClient, whyNoAwsClients } from './aws-clients.ts';

const program = fileURLToPath(new URL('validate_requests.py', import.meta.url));

/** A request to AWS: an entry of the emulator's ledger is one. */
export interface SentRequest {
  /** By botocore's name. Default: sagemaker. */
  service?: string;
  operation: string;
  input: unknown;
}

/**
 * What botocore's own service models, as they come with boto3, have against requests: types, required and unknown members, enums,
 * sizes and those patterns that Python can read. One line each; empty: nothing. Only inside `describeAwsClients`.
 */
export async function validateWithBotocore(requests: readonly SentRequest[]): Promise<string[]> {
  if (requests.length === 0) throw new Error('no request was recorded: there is nothing to validate');
  const input = JSON.stringify(
    requests.map(({ service = 'sagemaker', operation, input: body }) => ({
      service,
      operation,
      input: body,
    })),
  );
  const { exitCode, stdout, stderr } = await runAwsClient('python', ['-I', program], { input });
  if (exitCode !== 0) throw new Error(`validate_requests.py ended with exit code ${exitCode}: ${stderr}`);
  const { validated, problems } = JSON.parse(stdout) as { validated: number; problems: string[] };
  if (validated !== requests.length)
    throw new Error(`only ${validated} of ${requests.length} were validated`);
  return problems;
}

/**
 * What botocore has against the requests of a ledger, those that the emulator refused as well: what Sluice sent, as it sent it. How
 * many there were is printed. Nothing where AWS's own clients are not, which `aws-clients.ts` has printed, or fails for where CI promises them.
 */
export async function problemsInLedger(entries: readonly Entry[]): Promise<string[]> {
  if (whyNoAwsClients !== undefined) return [];
  const sent = entries.filter((entry) => entry.event === 'request');
  const problems = await validateWithBotocore(sent);
  const operations = new Set(sent.map(({ operation }) => operation)).size;
  console.log(
    `botocore has looked at ${sent.length} requests, of ${operations} operations: ${problems.length} problems`,
  );
  return problems;
}
