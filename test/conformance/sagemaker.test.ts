import { afterAll } from 'vitest';
import { whyNoDocker } from '../support/docker.ts';
import { whyNoS3 } from '../support/s3-server.ts';
import { testConformance } from './harness.ts';
import { openSageMakerTarget } from './sagemaker-target.ts';
import { giveWorkerSecrets } from './worker-variables.ts';

const unavailable = whyNoDocker ?? whyNoS3;
const signals = 'Of a process that a signal killed SageMaker says the exit code alone.';
const cut = 'FailureReason has 1,024 characters with its first word and the exit code.';
const skip = [
  { caseId: 'exit-by-signal', reason: signals },
  { caseId: 'failure-1024', reason: cut },
  { caseId: 'failure-10mb', reason: cut },
  { caseId: 'transform-records', reason: 'SageMaker does not say how many records were answered.' },
  {
    caseId: 'layout-processingjobconfig',
    reason:
      'The emulator runs a job with its data on this machine: in the file are paths in the place of URIs.',
  },
  {
    caseId: 'in-nested-paths',
    reason: 'The emulator runs jobs by a local engine, which refuses it.',
  },
];

const opened = unavailable === undefined ? await openSageMakerTarget(skip) : null;
afterAll(() => opened?.close());
giveWorkerSecrets();

testConformance({ name: 'sagemaker', skip }, opened?.target ?? { unavailable: unavailable ?? '' });
