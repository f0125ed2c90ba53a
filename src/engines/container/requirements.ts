import { SluiceError } from '../../core/errors.ts';
import { imageOf, type JobRequest, type ModelBody } from '../../core/jobs.ts';
import { checkFramework } from '../framework.ts';
import { instanceCount, isIsolated } from '../opt-ml.ts';
import { checkPaths } from '../processing-paths.ts';
import { instanceTypeOf } from './group.ts';
import { instanceSize } from './instance-types.ts';

/** Throws what this engine cannot honour, before anything runs. */
export function checkRequest(job: JobRequest, model: ModelBody | null, frameworksDir: string): void {
  const image = imageOf(job, model);
  if (image !== null) checkFramework(image, frameworksDir);
  if (job.kind === 'Processing') checkPaths(job);
  const type = instanceTypeOf(job);
  const { limits, cpus, memoryGb } = job.local;
  const needsSize = limits === 'instance' && (cpus === undefined || memoryGb === undefined);
  if (needsSize && instanceSize(type) === null) {
    throw new SluiceError(
      'InvalidInput',
      `local.limits: the size of ${type} is not known here; give local.cpus and local.memoryGb instead`,
      { details: { instanceType: type } },
    );
  }
  if (instanceCount(job) > 1 && isIsolated(job, model)) {
    throw new SluiceError(
      'Unsupported',
      'networkIsolation with several instances: they could not reach each other',
    );
  }
}
