import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describePart } from './real-parts.ts';

const { awsClientsIn } = (await import(
  new URL('../../scripts/testing/aws-clients-folder.js', import.meta.url).href
)) as { awsClientsIn: (env: NodeJS.ProcessEnv) => string };
const folder = awsClientsIn(process.env);

/** Undefined where boto3 and the AWS CLI are. */
export const whyNoAwsClients = existsSync(join(folder, '.sluice-ready'))
  ? undefined
  : `there are no boto3 and AWS CLI in ${folder}; \`node scripts/testing/aws-clients.js\` fetches them (Python 3.10 is needed)`;

/** For tests with boto3, botocore or the AWS CLI. */
export const describeAwsClients = describePart(
  "AWS's own clients",
  'SLUICE_REQUIRE_AWS_CLIENTS',
  whyNoAwsClients,
);

export interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program of their environment, `python` or `aws`, with nothing of this machine's AWS settings. */
export function runAwsClient(
  program: 'python' | 'aws',
  args: readonly string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
): Promise<Ended> {
  const child = spawn(join(folder, 'bin', program), args, {
    env: {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      LANG: 'C.UTF-8',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
      ...env,
    },
  });
  const ended: Ended = { exitCode: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (ended.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (ended.stderr += text));
  child.stdin.on('error', () => undefined).end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ ...ended, exitCode }));
  });
}
