import { expect, test } from 'vitest';
import { announcedJob, billing, remoteStatus, spotSavings } from '../../src/core/remote-job.ts';

const session = {
  region: 'cn-north-1',
  accountId: '123456789012',
  roleArn: 'arn:aws-cn:iam::123456789012:role/Jobs',
  bucket: 'b',
  prefix: 'sluice',
};
const job = announcedJob(session, 'Training', 'abalone-train-1');

test('a job is announced by the ARN that its name will have, in the partition of the role', () => {
  expect(job).toMatchObject({
    arn: 'arn:aws-cn:sagemaker:cn-north-1:123456789012:training-job/abalone-train-1',
    consoleUrl:
      'https://cn-north-1.console.amazonaws.cn/sagemaker/home?region=cn-north-1#/jobs/abalone-train-1',
    status: null,
  });
  expect([remoteStatus(job), billing(job)]).toEqual(['', '']);
});

test.each([
  [54, 180, 0.7, '54 s billed of 180 s (spot saved 70 %)'],
  [180, 180, 0, '180 s billed'],
  // Rounded up by AWS.
  [181, 180, 0, '181 s billed'],
  [5, null, null, '5 s billed'],
  [null, 180, null, ''],
  [0, 0, null, '0 s billed'],
])('%s s billed of %s s saved %s', (billableSeconds, trainingSeconds, saved, words) => {
  const ended = { ...job, billableSeconds, trainingSeconds };
  if (saved === null) expect(spotSavings(ended)).toBeNull();
  else expect(spotSavings(ended)).toBeCloseTo(saved, 5);
  expect(billing(ended)).toBe(words);
});

test.each([
  ['InProgress', 'Downloading', 'InProgress (Downloading)'],
  ['Completed', 'Completed', 'Completed'],
  ['Stopped', null, 'Stopped'],
])('the states %s and %s are told as "%s"', (status, secondaryStatus, words) => {
  expect(remoteStatus({ ...job, status, secondaryStatus })).toBe(words);
});
