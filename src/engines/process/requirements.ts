import { SluiceError } from '../../core/errors.ts';
import { imageOf, type JobRequest, type ModelBody } from '../../core/jobs.ts';
import { instanceCount, isIsolated } from '../opt-ml.ts';
import { checkPaths } from '../processing-paths.ts';
import { frameworkOf, hasFramework } from '../framework.ts';

/** Where the frameworks are, and which Python has their libraries. */
export interface Frameworks {
  /** One folder a framework, and `script-mode`. */
  frameworksDir: string;
  /** Absolute path of the `python` of the virtual environment with the libraries of a framework. */
  python: string;
  /** By name, frameworks that have another one than `python`; null if it was not made yet. */
  frameworkPythons?: Readonly<Record<string, string | null>>;
}

/** Throws what this engine cannot honour, before anything runs. */
export function checkRequest(job: JobRequest, model: ModelBody | null, frameworks: Frameworks): void {
  checkInstances(job);
  checkNetwork(isIsolated(job, model));
  const image = imageOf(job, model);
  if (image !== null) findPython(image, frameworks);
  checkCommand(job);
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

function checkCommand(job: JobRequest): void {
  if (job.kind !== 'Processing' || job.body.AppSpecification.ContainerEntrypoint !== undefined) return;
  throw new SluiceError(
    'Unsupported',
    'The process engine knows no entrypoint of an image: the step needs a script or an entrypoint',
  );
}

/**
 * The Python with the libraries of a framework image.
 * @throws SluiceError `Unsupported` if the image is none of the frameworks, `EngineUnavailable` if its libraries are not here.
 */
export function findPython(
  image: string,
  { frameworksDir, python, frameworkPythons = {} }: Frameworks,
): string {
  const framework = frameworkOf(image);
  const details = { image };
  if (framework === null || !hasFramework(frameworksDir, framework)) {
    throw new SluiceError(
      'Unsupported',
      `${image}: the process engine runs framework images only, such as sluice/sklearn:1.2-1`,
      { details },
    );
  }
  const found = Object.hasOwn(frameworkPythons, framework) ? frameworkPythons[framework] : python;
  if (found !== null && found !== undefined) return found;
  throw new SluiceError(
    'EngineUnavailable',
    `${image}: the process engine has no Python with its libraries; \`npm run setup -- ${framework}\` makes it, or let jobs run in containers`,
    { details, retryable: false },
  );
}
