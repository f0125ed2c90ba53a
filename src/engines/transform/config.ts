import type { TransformJob } from '../../core/jobs.ts';

/** Where the driver of a batch transform finds its server and its files. */
export interface DriverSetting {
  /** The command that it starts as its server; null if that runs already, on `port`. */
  serve: readonly string[] | null;
  port: number | null;
  /** Where the server sees /opt/ml. */
  baseDir: string;
  /** The files to send, named as their outputs are to be. */
  inputs: readonly { path: string; name: string }[];
  outputDir: string;
  resultFile: string;
  failureFile: string;
}

/** SageMaker's defaults: of a request, and of what comes before /ping answers. */
const invocationTimeoutSeconds = 600;
const startupTimeoutSeconds = 240;

/** What driver.py reads. */
export function driverConfig({ body, local }: TransformJob, setting: DriverSetting) {
  return {
    ...setting,
    contentType: body.TransformInput.ContentType ?? null,
    accept: body.TransformOutput.Accept ?? null,
    splitType: body.TransformInput.SplitType,
    assembleWith: body.TransformOutput.AssembleWith,
    batchStrategy: body.BatchStrategy ?? null,
    maxPayloadInMB: body.MaxPayloadInMB ?? null,
    maxConcurrentTransforms: body.MaxConcurrentTransforms ?? null,
    // The job as a whole has a limit of its own.
    invocationTimeoutSeconds: Math.min(invocationTimeoutSeconds, local.maxRuntimeSeconds),
    startupTimeoutSeconds: Math.min(startupTimeoutSeconds, local.maxRuntimeSeconds),
  };
}
