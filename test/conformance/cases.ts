import { endCases } from './cases/ends.ts';
import { environmentCases } from './cases/environment.ts';
import { exitCases } from './cases/exits.ts';
import { inputCases } from './cases/inputs.ts';
import { instanceCases } from './cases/instances.ts';
import { layoutCases } from './cases/layout.ts';
import { logCases } from './cases/logs.ts';
import { messageFileCases } from './cases/messages.ts';
import { outputCases } from './cases/outputs.ts';
import { scriptFailureCases } from './cases/script-failures.ts';
import { scriptModeCases } from './cases/script-mode.ts';
import { servingCases } from './cases/serving.ts';
import { transformCases } from './cases/transform.ts';
import type { ConformanceCase } from './contract.ts';

/** SageMaker's container contract, a sentence each. `npm run conformance` shows which engine keeps which. */
export const cases: readonly ConformanceCase[] = [
  ...layoutCases,
  ...environmentCases,
  ...scriptModeCases,
  ...scriptFailureCases,
  ...exitCases,
  ...messageFileCases,
  ...logCases,
  ...inputCases,
  ...outputCases,
  ...endCases,
  ...transformCases,
  ...servingCases,
  ...instanceCases,
];
