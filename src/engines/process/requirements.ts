import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest } from '../../core/jobs.ts';
import { belowOptMl, jobInputs, jobOutputs } from '../opt-ml.ts';
import { frameworkOf } from '../framework.ts';

/** Throws what this engine cannot honour, before anything runs. */
export function checkRequest(job: JobRequest, frameworksDir: string): void {
  checkInstances(job);
  checkCommand(job, frameworksDir);
  if (job.kind === 'Processing') checkPaths(job);
}

function checkInstances(job: JobRequest): void {
  const count = instanceCount(job);
  if (count > 1) {
    throw new SluiceError(
      'Unsupported',
      `${count} instances: the process engine runs a job as one process of this machine`,
      {
        details: { instanceCount: count },
      },
    );
  }
}

function instanceCount(job: JobRequest): number {
  switch (job.kind) {
    case 'Processing':
      return job.body.ProcessingResources.ClusterConfig.InstanceCount;
    case 'Training':
      return job.body.ResourceConfig.InstanceCount;
    case 'Transform':
      return job.body.TransformResources.InstanceCount;
  }
}

function checkCommand(job: JobRequest, frameworksDir: string): void {
  switch (job.kind) {
    case 'Processing':
      checkFramework(job.body.AppSpecification.ImageUri, frameworksDir);
      if (job.body.AppSpecification.ContainerEntrypoint === undefined) {
        throw new SluiceError(
          'Unsupported',
          'The process engine knows no entrypoint of an image: the step needs a script or an entrypoint',
        );
      }
      return;
    case 'Training':
      checkFramework(job.body.AlgorithmSpecification.TrainingImage, frameworksDir);
      return;
    case 'Transform':
      // Its image is that of the model, which may not be there yet.
      return;
  }
}

/** @throws SluiceError `Unsupported` if the image is none of the frameworks in the folder. */
export function checkFramework(image: string, frameworksDir: string): void {
  const framework = frameworkOf(image);
  if (framework !== null && existsSync(join(frameworksDir, framework))) return;
  throw new SluiceError(
    'Unsupported',
    `${image}: the process engine runs framework images only, such as sluice/sklearn:1.2-1`,
    {
      details: { image },
    },
  );
}

/** SageMaker's rule for paths; and none inside another, for a mount would hide what is below it. */
function checkPaths(job: Extract<JobRequest, { kind: 'Processing' }>): void {
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
      `/opt/ml/${folder} and /opt/ml/${outer}: the process engine cannot put one input or output into another`,
      {
        details: { paths: [outer, folder] },
      },
    );
  });
}
