import type { JobRequest } from '../../core/jobs.ts';

/** Data of a job that are on S3, and the folder that stands for them on this machine. */
export interface StagedPlace {
  uri: string;
  /** Name of the folder, the same for every worker. */
  place: string;
}

export interface Staging {
  inputs: StagedPlace[];
  outputs: StagedPlace[];
}

type Change = (name: string, uri: string) => string;

const isOnS3 = (uri: string) => uri.startsWith('s3://');

/** What has to be brought and taken away. Checkpoints are not: a job of this machine begins anew. */
export function stagingOf(job: JobRequest): Staging {
  const staging: Staging = { inputs: [], outputs: [] };
  const collect = (places: StagedPlace[]): Change => {
    const placeOf = numbered();
    return (name, uri) => {
      const place = placeOf(name);
      if (isOnS3(uri)) places.push({ uri, place });
      return uri;
    };
  };
  withUris(job, collect(staging.inputs), collect(staging.outputs));
  return staging;
}

/** The request with paths of this machine in the place of what is on S3. The same for every worker that brought the same. */
export function localRequest(
  job: JobRequest,
  inputUri: (place: string) => string,
  outputUri: (place: string) => string,
): JobRequest {
  const replace = (local: (place: string) => string): Change => {
    const placeOf = numbered();
    return (name, uri) => {
      const place = placeOf(name);
      return isOnS3(uri) ? local(place) : uri;
    };
  };
  return withUris(job, replace(inputUri), replace(outputUri));
}

/** Names are anything in SageMaker; with a number in front they are folders, and none is another's. */
function numbered(): (name: string) => string {
  let count = 0;
  return (name) => `${(count += 1)}-${name.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 100)}`;
}

function withUris(job: JobRequest, input: Change, output: Change): JobRequest {
  switch (job.kind) {
    case 'Processing': {
      const { ProcessingInputs, ProcessingOutputConfig } = job.body;
      const inputs = ProcessingInputs.map((one) => ({
        ...one,
        S3Input: { ...one.S3Input, S3Uri: input(one.InputName, one.S3Input.S3Uri) },
      }));
      const outputs = ProcessingOutputConfig.Outputs.map((one) => ({
        ...one,
        S3Output: { ...one.S3Output, S3Uri: output(one.OutputName, one.S3Output.S3Uri) },
      }));
      const config = { ...ProcessingOutputConfig, Outputs: outputs };
      return { ...job, body: { ...job.body, ProcessingInputs: inputs, ProcessingOutputConfig: config } };
    }
    case 'Training': {
      const { InputDataConfig, OutputDataConfig } = job.body;
      const channels = InputDataConfig.map((one) => ({
        ...one,
        DataSource: changed(one.DataSource, one.ChannelName, input),
      }));
      const S3OutputPath = output('output', OutputDataConfig.S3OutputPath);
      const config = { ...OutputDataConfig, S3OutputPath };
      return { ...job, body: { ...job.body, InputDataConfig: channels, OutputDataConfig: config } };
    }
    case 'Transform': {
      const { TransformInput, TransformOutput } = job.body;
      const batch = { ...TransformInput, DataSource: changed(TransformInput.DataSource, 'input', input) };
      const S3OutputPath = output('output', TransformOutput.S3OutputPath);
      const config = { ...TransformOutput, S3OutputPath };
      return { ...job, body: { ...job.body, TransformInput: batch, TransformOutput: config } };
    }
  }
}

function changed<Source extends { S3DataSource: { S3Uri: string } }>(
  source: Source,
  name: string,
  change: Change,
): Source {
  return {
    ...source,
    S3DataSource: { ...source.S3DataSource, S3Uri: change(name, source.S3DataSource.S3Uri) },
  };
}
