import { expect, it } from 'vitest';
import { createBudget } from '../../../src/engines/sagemaker/budget.ts';
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
