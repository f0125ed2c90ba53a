import type { Json } from '../../src/core/expressions.ts';

/** A pipeline whose every step is cheap: the smallest file that has all steps. */
export function smallPipeline(
  changes: Record<string, Json> = {},
  steps: Record<string, Json | undefined> = {},
): Record<string, Json> {
  const all: Record<string, Json | undefined> = {
    preprocess: { script: 'preprocess.py', input: 'data.csv', outputs: ['train', 'test'] },
    train: { script: 'train.py', hyperparameters: { depth: 3 } },
    evaluate: { script: 'evaluate.py', report: 'evaluation.json' },
    condition: { metric: 'metrics.mse', lessThanOrEqualTo: 7 },
    createModel: { script: 'inference.py' },
    transform: { input: 'batch.csv', splitType: 'Line' },
    register: { group: 'small' },
    ...steps,
  };
  const present = Object.entries(all).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return {
    name: 'small',
    framework: { name: 'sklearn', version: '1.2-1' },
    code: 'code',
    steps: Object.fromEntries(present),
    ...changes,
  };
}
