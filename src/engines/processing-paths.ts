import { SluiceError } from '../core/errors.ts';
import type { ProcessingJob } from '../core/jobs.ts';
import { belowOptMl, jobInputs, jobOutputs } from './opt-ml.ts';

/** SageMaker's rule for paths; and none inside another, for a mount would hide what is below it. */
export function checkPaths(job: ProcessingJob): void {
  const { ProcessingInputs, ProcessingOutputConfig } = job.body;
  const paths = [
    ...ProcessingInputs.map(({ S3Input }) => S3Input.LocalPath),
    ...ProcessingOutputConfig.Outputs.map(({ S3Output }) => S3Output.LocalPath),
  ];
  for (const path of paths) {
    if (belowOptMl(path)?.startsWith('processing/') !== true) {
      throw new SluiceError('InvalidInput', `LocalPath ${path}: it must be below /opt/ml/processing`, {
        details: { path },
      });
    }
  }
  const folders = [...jobInputs(job), ...jobOutputs('', job)].map(({ folder }) => folder).sort();
  folders.forEach((folder, index) => {
    const outer = folders.slice(0, index).find((other) => folder === other || folder.startsWith(`${other}/`));
    if (outer === undefined) return;
    throw new SluiceError(
      'Unsupported',
      `/opt/ml/${folder} and /opt/ml/${outer}: local engines cannot put one input or output into another`,
      {
        details: { paths: [outer, folder] },
      },
    );
  });
}
