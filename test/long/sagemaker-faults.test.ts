import { expect, it } from 'vitest';
import { runFaultSuite } from '../faults/suite.ts';
import { keptSeeds } from '../faults/seeds.ts';
import { withoutAwsSettings } from '../support/aws-env.ts';
import { folderPerTest } from '../support/folders.ts';
import { chosenSeed } from '../support/kill-workers.ts';
import { describeS3 } from '../support/s3-server.ts';

withoutAwsSettings(folderPerTest());

const chosen = {
  seed: chosenSeed(),
  runs: Number(process.env.SLUICE_RUNS ?? 200),
  kills: Number(process.env.SLUICE_KILLS ?? 30),
};
/** A seed that is named is run alone. */
const plans = process.env.SLUICE_SEED === undefined ? [...keptSeeds, chosen] : [chosen];

describeS3('runs on SageMaker, under kills and faults', () => {
  it.each(plans)(
    'break no invariant (SLUICE_SEED=$seed SLUICE_RUNS=$runs SLUICE_KILLS=$kills npm run test:long -- sagemaker-faults)',
    { timeout: 40 * 60_000 },
    async (plan) => {
      expect(await runFaultSuite(plan)).toEqual([]);
    },
  );
});
