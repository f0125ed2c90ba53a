import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest, ModelBody } from '../../core/jobs.ts';
import { instanceCount, isIsolated } from '../opt-ml.ts';
import { checkPaths } from '../processing-paths.ts';
import { frameworkOf } from '../framework.ts';

/** Throws what this engine cannot honour, before anything runs. */
export function checkRequest(job: JobRequest, model: ModelBody | null, frameworksDir: string): void {
  checkInstances(job);
  checkNetwork(isIsolated(job, model));
  if (model !== null) checkFramework(model.PrimaryContainer.Image, frameworksDir);
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

/** The network namespace would have to be made and given a loopback: only containers have that here. */
export function checkNetwork(isolated: boolean): void {
  if (!isolated) return;
  throw new SluiceError(
    'Unsupported',
    'EnableNetworkIsolation: a job of the process engine has the network of this machine',
  );
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
