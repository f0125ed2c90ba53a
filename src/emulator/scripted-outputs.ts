import type { Job } from './job.ts';
import type { Life } from './script.ts';

/** Stores what a scripted job is said to write. */
export type WriteObject = (uri: string, bytes: Buffer) => Promise<void>;

interface Outputs {
  ProcessingOutputConfig?: { Outputs: { OutputName: string; S3Output?: { S3Uri: string } }[] };
  OutputDataConfig?: { S3OutputPath: string };
  TransformOutput?: { S3OutputPath: string };
}

/** Stores the objects that the script says a job leaves. @throws Error that names what is wrong. */
export async function writeOutputs(job: Job, writes: Life['writes'], write: WriteObject): Promise<void> {
  const objects = Object.entries(writes ?? {}).map(
    ([path, content]) =>
      [
        uriOf(job, path),
        'text' in content ? Buffer.from(content.text) : Buffer.from(content.base64, 'base64'),
      ] as const,
  );
  await Promise.all(objects.map(([uri, bytes]) => write(uri, bytes)));
}

function uriOf({ kind, name, input }: Job, path: string): string {
  const { ProcessingOutputConfig, OutputDataConfig, TransformOutput } = input as Outputs;
  switch (kind) {
    case 'Processing': {
      const [first = '', ...rest] = path.split('/');
      const output = ProcessingOutputConfig?.Outputs.find(({ OutputName }) => OutputName === first);
      if (output?.S3Output === undefined) throw new Error(`${name} has no output "${first}" on S3`);
      return [withoutSlash(output.S3Output.S3Uri), ...rest].join('/');
    }
    case 'Training':
      return `${withoutSlash(OutputDataConfig?.S3OutputPath ?? '')}/${name}/${path}`;
    case 'Transform':
      return `${withoutSlash(TransformOutput?.S3OutputPath ?? '')}/${path}`;
  }
}

const withoutSlash = (uri: string) => uri.replace(/\/+$/, '');
