import { describe, expect, it } from 'vitest';
import { jobConsoleUrl, logConsoleUrl } from '../../src/core/console.ts';

const arn = (partition: string, region: string, resource: string) =>
  `arn:${partition}:sagemaker:${region}:123456789012:${resource}`;

describe('the page of a job in the AWS console', () => {
  it.each([
    ['Training', 'jobs'],
    ['Processing', 'processing-jobs'],
    ['Transform', 'transform-jobs'],
  ] as const)('of a %s job is among %s', (kind, page) => {
    expect(jobConsoleUrl(kind, arn('aws', 'eu-west-1', `${kind.toLowerCase()}-job/job-1`))).toBe(
      `https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/${page}/job-1`,
    );
  });

  it.each([
    ['aws-cn', 'cn-north-1', 'https://cn-north-1.console.amazonaws.cn/'],
    ['aws-us-gov', 'us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/'],
  ])('is that of the partition %s', (partition, region, begin) => {
    expect(jobConsoleUrl('Training', arn(partition, region, 'training-job/job-1'))).toMatch(begin);
  });

  it('is not known in secret regions, and for what is no ARN', () => {
    expect(jobConsoleUrl('Training', arn('aws-iso', 'us-iso-east-1', 'training-job/job-1'))).toBeNull();
    expect(jobConsoleUrl('Training', '')).toBeNull();
    expect(logConsoleUrl('Training', 'arn:aws')).toBeNull();
  });
});

describe('the log of a job in the AWS console', () => {
  it('is the streams of its group that begin with its name', () => {
    expect(logConsoleUrl('Training', arn('aws', 'eu-west-1', 'training-job/job-1'))).toBe(
      'https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1' +
        '#logsV2:log-groups/log-group/$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3Djob-1$2F',
    );
  });
});
