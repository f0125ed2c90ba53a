import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { sdk, sources } from '../sources.ts';

const source = sources.toolkit;
const kind = 'Training';

export const scriptFailureCases: ConformanceCase[] = [
  {
    id: 'script-missing',
    title: 'A script that is not in the code folder fails the job, and the reason names it',
    source,
    kind,
    job: (lab) => lab.scriptMode('', { hyperparameters: { sagemaker_program: '"absent.py"' } }),
    ends: { status: 'failed', code: 'JobFailed', reason: expect.stringContaining('absent.py') },
  },
  {
    id: 'script-exit-code',
    title: "The job's exit code is that of the script",
    source,
    kind,
    job: (lab) => lab.scriptMode('sys.exit(3)'),
    ends: { status: 'failed', code: 'JobFailed', exitCode: 3 },
  },
  {
    id: 'script-exception',
    title: 'An exception of the script fails the job, and its traceback is in the last lines of the log',
    source: sdk(405),
    kind,
    job: (lab) => lab.scriptMode('raise ValueError("no rows left")'),
    ends: { status: 'failed', code: 'JobFailed', exitCode: 1 },
    verify({ logTail }) {
      expect(logTail.join('\n')).toContain('ValueError: no rows left');
    },
  },
  {
    id: 'script-own-failure',
    title: 'The failure file that the script wrote is kept',
    source,
    kind,
    job: (lab) => lab.scriptMode('write("output/failure", "my own words")\nsys.exit(1)'),
    ends: { status: 'failed', code: 'JobFailed', reason: expect.stringContaining('my own words') },
  },
];
