import type { SageMakerOperation } from '../../aws/sagemaker.ts';
import { realClock, type Clock } from './clock.ts';
import { createTokenBucket, type TokenBucket } from './token-bucket.ts';

/** What one worker may ask of SageMaker in one account and region, whatever the number of jobs. */
export interface Budget {
  of(operation: SageMakerOperation): TokenBucket;
}

/**
 * AWS publishes one rate, 1 `CreateTrainingJob` a second for an account and region (Service Quotas, Amazon SageMaker), and
 * counts per operation. Of Describe only throttling is reported; the rate here is that of a thousand jobs at their longest interval.
 */
export function createBudget(clock: Clock = realClock): Budget {
  const create = createTokenBucket({ perSecond: { start: 1, most: 1, least: 0.1 }, burst: 1 }, clock);
  const describe = createTokenBucket({ perSecond: { start: 5, most: 10, least: 0.5 }, burst: 10 }, clock);
  /** Never behind a thousand jobs: what a run ends with, then stops, and the tags of jobs that are adopted. */
  const registry = createTokenBucket({ perSecond: { start: 2, most: 4, least: 0.5 }, burst: 4 }, clock);
  const others = createTokenBucket({ perSecond: { start: 2, most: 4, least: 0.5 }, burst: 4 }, clock);
  return {
    of(operation) {
      if (operation.includes('Model')) return registry;
      if (operation.startsWith('Create')) return create;
      return operation.startsWith('Describe') ? describe : others;
    },
  };
}

/** One budget for each account and region, whoever asks. */
export function createBudgets(clock?: Clock): (accountId: string, region: string) => Budget {
  const budgets = new Map<string, Budget>();
  return (accountId, region) => {
    const key = `${accountId}/${region}`;
    const budget = budgets.get(key) ?? createBudget(clock);
    budgets.set(key, budget);
    return budget;
  };
}
