import { expect, it } from 'vitest';
import { createBudget, createBudgets } from '../../../src/engines/sagemaker/budget.ts';
import { createTestClock } from '../../support/test-clock.ts';

it.each([
  ['CreateModel', 'CreateTrainingJob'],
  ['CreateModelPackage', 'CreateProcessingJob'],
  ['CreateModelPackageGroup', 'CreateTransformJob'],
  ['DescribeModelPackageGroup', 'DescribeTrainingJob'],
  ['DescribeModel', 'DescribeTransformJob'],
] as const)(
  '%s, with which a run ends, is never behind a thousand jobs that want %s',
  async (operation, many) => {
    const clock = createTestClock();
    const budget = createBudget(clock);
    for (let job = 0; job < 1000; job += 1) void budget.of(many).take();
    let isTaken = false;
    void budget
      .of(operation)
      .take()
      .then(() => (isTaken = true));
    await clock.pass(1000);
    expect(isTaken).toBe(true);
  },
);

it('an account has one budget in a region, whoever asks, and another one elsewhere', () => {
  const budgetOf = createBudgets(createTestClock());
  const bucketOf = (accountId: string, region: string) => budgetOf(accountId, region).of('CreateTrainingJob');
  const first = bucketOf('123456789012', 'eu-west-1');
  expect(bucketOf('123456789012', 'eu-west-1')).toBe(first);
  expect(bucketOf('123456789012', 'us-east-1')).not.toBe(first);
  expect(bucketOf('210987654321', 'eu-west-1')).not.toBe(first);
});
