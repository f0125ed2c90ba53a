import { SluiceError } from '../../core/errors.ts';
import type { JobRequest, ModelBody } from '../../core/jobs.ts';
import { quote } from '../../core/wording.ts';

/** SageMaker takes images of Amazon ECR; the domain is that of the partition. */
const ecrImage = /^\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.[a-z0-9.-]+\/.+$/;
const maxTransformVariables = 16;

/** @throws SluiceError `Unsupported` or `InvalidInput` for what SageMaker would refuse, or fail at, later. */
export function checkRequest(job: JobRequest, model?: ModelBody): void {
  const problem = problemOf(job) ?? (model && imageProblem(model.PrimaryContainer.Image));
  if (problem) throw new SluiceError('Unsupported', problem);
  if (job.kind !== 'Transform' && job.body.RoleArn === undefined) {
    throw new SluiceError(
      'InvalidInput',
      'SageMaker runs jobs under a role: set session.role or SLUICE_ROLE',
    );
  }
}

function problemOf(job: JobRequest): string | undefined {
  const outside = urisOf(job).find((uri) => !uri.startsWith('s3://'));
  if (outside !== undefined) return `SageMaker reads and writes S3 only, not ${quote(outside)}`;
  switch (job.kind) {
    case 'Processing':
      return imageProblem(job.body.AppSpecification.ImageUri);
    case 'Training':
      return imageProblem(job.body.AlgorithmSpecification.TrainingImage);
    case 'Transform':
      return Object.keys(job.body.Environment).length > maxTransformVariables
        ? `a transform job of SageMaker takes at most ${maxTransformVariables} environment variables`
        : undefined;
  }
}

function imageProblem(image: string): string | undefined {
  return ecrImage.test(image)
    ? undefined
    : `SageMaker takes images of Amazon ECR (<account>.dkr.ecr.<region>.amazonaws.com/<name>), not ${quote(image)}`;
}

function urisOf(job: JobRequest): string[] {
  switch (job.kind) {
    case 'Processing':
      return [
        ...job.body.ProcessingInputs.map(({ S3Input }) => S3Input.S3Uri),
        ...job.body.ProcessingOutputConfig.Outputs.map(({ S3Output }) => S3Output.S3Uri),
      ];
    case 'Training':
      return [
        ...job.body.InputDataConfig.map(({ DataSource }) => DataSource.S3DataSource.S3Uri),
        job.body.OutputDataConfig.S3OutputPath,
      ];
    case 'Transform':
      return [job.body.TransformInput.DataSource.S3DataSource.S3Uri, job.body.TransformOutput.S3OutputPath];
  }
}
