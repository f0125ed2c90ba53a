import type { JobKind } from './jobs.ts';

/** Of the partitions whose console is public. */
const domains: Record<string, string> = {
  aws: 'console.aws.amazon.com',
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};

const jobPages = { Processing: 'processing-jobs', Training: 'jobs', Transform: 'transform-jobs' } as const;

export const logGroup = (kind: JobKind) => `/aws/sagemaker/${kind}Jobs`;

/** The page of a job in the AWS console. Null in partitions without a public one. */
export function jobConsoleUrl(kind: JobKind, arn: string): string | null {
  const at = parseArn(arn);
  return at && `${at.console}/sagemaker/home?region=${at.region}#/${jobPages[kind]}/${at.name}`;
}

/** Its log streams in the console of CloudWatch. */
export function logConsoleUrl(kind: JobKind, arn: string): string | null {
  const at = parseArn(arn);
  if (!at) return null;
  const filter = `logStreamNameFilter=${at.name}/`;
  const place = `${twice(logGroup(kind))}${dollars(encodeURIComponent(`?${filter}`))}`;
  return `${at.console}/cloudwatch/home?region=${at.region}#logsV2:log-groups/log-group/${place}`;
}

/** The console wants names encoded twice, with "$" for the "%" of the second time. */
const dollars = (text: string) => text.replaceAll('%', '$');
const twice = (text: string) => dollars(encodeURIComponent(encodeURIComponent(text)));

function parseArn(arn: string): { console: string; region: string; name: string } | null {
  const [, partition = '', , region = '', , resource = ''] = arn.split(':');
  const domain = domains[partition];
  const name = resource.split('/').at(-1) ?? '';
  if (domain === undefined || region === '' || name === '') return null;
  return { console: `https://${region}.${domain}`, region, name };
}
