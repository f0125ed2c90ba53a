import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest, ModelBody, TransformJob } from '../../core/jobs.ts';
import { jobEnvironment, jobOutputs, optMl, withoutFinalSlash, type JobOutput } from '../opt-ml.ts';
import { frameworkOf, scriptModeFolder } from '../framework.ts';
import type { FoundInput } from '../local/inputs.ts';
import { pythonOptions } from '../local/supervisor.ts';
import { driverConfig } from '../transform/config.ts';
import type { Isolation } from './isolation.ts';

/** All that decides how a job is run. */
export interface JobSetting {
  name: string;
  job: JobRequest;
  /** The job's folder, where it will be. */
  folder: string;
  isolation: Isolation;
  python: string;
  supervisorPython: string;
  frameworksDir: string;
  baseEnvironment: Readonly<Record<string, string>>;
  inputs: readonly FoundInput[];
  /** Those of the inputs that the job has copies of. */
  copied: readonly FoundInput[];
  /** Of a transform job. */
  model: ModelBody | null;
  localPath(uri: string): string;
}

const transformDriver = fileURLToPath(new URL('../transform/driver.py', import.meta.url));
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const outputRecords: Record<JobOutput['kind'], string> = {
  folder: 'move',
  archive: 'archive',
  'optional-archive': 'optional-archive',
};

/** Where the job sees /opt/ml. */
export const baseFolder = ({ isolation, folder }: Pick<JobSetting, 'isolation' | 'folder'>) =>
  isolation === 'namespaces' ? optMl : join(folder, 'ml');

/** What the supervisor reads: records of three fields, each ended by NUL, for Python takes as long to load a JSON parser as to start. */
export function planText(setting: JobSetting): string {
  const records: (readonly [string, string, string])[] = [
    ...Object.entries(settings(setting)).map(([name, value]) => ['set', name, value] as const),
    ...Object.entries(environment(setting)).map(([name, value]) => ['env', name, value] as const),
    ...command(setting).map((argument) => ['arg', '', argument] as const),
    ...inputs(setting),
    ...outputs(setting),
    // Without it the plan is not whole, and the job does not start.
    ['end', '', ''],
  ];
  for (const field of records.flat()) {
    if (field.includes('\0')) {
      throw new SluiceError(
        'InvalidInput',
        `${setting.name}: NUL can stand in no argument, variable or path`,
        {
          details: { field },
        },
      );
    }
  }
  return records
    .flat()
    .map((field) => `${field}\0`)
    .join('');
}

function settings(setting: JobSetting): Record<string, string> {
  return {
    kind: setting.job.kind,
    isolation: setting.isolation,
    mlFolder: join(setting.folder, 'ml'),
    workingFolder: baseFolder(setting),
    maxRuntimeSeconds: String(setting.job.local.maxRuntimeSeconds),
    stopGraceSeconds: String(setting.job.local.stopGraceSeconds),
  };
}

/** Nothing of the worker's own environment: it holds keys. */
function environment(setting: JobSetting): Record<string, string> {
  const { job, folder, isolation, python, model } = setting;
  const asked = { ...model?.PrimaryContainer.Environment, ...job.body.Environment };
  return {
    PATH: `${join(python, '..')}${delimiter}${systemPath}`,
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    LANG: 'C.UTF-8',
    PYTHONUNBUFFERED: '1',
    // The code folder belongs to every run of the same code.
    PYTHONDONTWRITEBYTECODE: '1',
    ...setting.baseEnvironment,
    ...jobEnvironment(setting.name, job),
    ...Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, localise(setting, value)])),
    ...(isolation === 'none' && { SAGEMAKER_BASE_DIR: baseFolder(setting) }),
  };
}

function command(setting: JobSetting): string[] {
  const { job, python } = setting;
  switch (job.kind) {
    case 'Processing': {
      const { ContainerEntrypoint = [], ContainerArguments = [] } = job.body.AppSpecification;
      return [...ContainerEntrypoint, ...ContainerArguments].map((part) => localise(setting, part));
    }
    case 'Training': {
      const { ContainerEntrypoint, ContainerArguments = [] } = job.body.AlgorithmSpecification;
      const entrypoint = ContainerEntrypoint ?? [python, scriptMode(setting, 'train')];
      return [...entrypoint, ...ContainerArguments].map((part) => localise(setting, part));
    }
    case 'Transform':
      return [
        setting.supervisorPython,
        ...pythonOptions(dirname(setting.folder)),
        transformDriver,
        join(setting.folder, 'transform', 'config.json'),
      ];
  }
}

/** Where there is no /opt/ml, a path in it becomes the real one: `/opt/ml/x` and `--flag=/opt/ml/x`. */
function localise(setting: JobSetting, text: string): string {
  if (setting.isolation === 'namespaces') return text;
  return text.replace(/(^|=)\/opt\/ml(?=\/|$)/, (_match, before: string) => before + baseFolder(setting));
}

/** To be mounted; else a copy, or guarded and watched. The folder of the model is the job's own. */
function inputs({
  isolation,
  inputs: found,
  copied,
  folder,
}: JobSetting): (readonly [string, string, string])[] {
  if (isolation === 'namespaces') return found.map(({ source, target }) => ['input', source, target]);
  const linked = found.filter((input) => !copied.includes(input) && !isWithin(folder, input));
  return [
    ...copied.map(({ target }) => ['copy', join('ml', target), ''] as const),
    ...linked.map(({ source }) => ['watch', source, ''] as const),
  ];
}

/** Whether the input lies in the job's folder, as an unpacked model does. */
export const isWithin = (folder: string, { source }: FoundInput) => source.startsWith(`${folder}/`);

function outputs(setting: JobSetting): (readonly [string, string, string])[] {
  const { job, name } = setting;
  if (job.kind === 'Transform') {
    return [
      [
        'move',
        join('transform', 'output'),
        setting.localPath(withoutFinalSlash(job.body.TransformOutput.S3OutputPath)),
      ],
    ];
  }
  return jobOutputs(name, job).map(({ kind, folder, uri }) => [
    outputRecords[kind],
    join('ml', folder),
    setting.localPath(uri),
  ]);
}

/** `inputs` are the files to send, named as their outputs are to be. */
export function transformConfig(
  setting: JobSetting,
  job: TransformJob,
  inputs: { path: string; name: string }[],
) {
  const framework = frameworkOf(setting.model?.PrimaryContainer.Image ?? '') ?? '';
  return driverConfig(job, {
    serve: [setting.python, scriptMode(setting, 'serve'), join(setting.frameworksDir, framework)],
    port: null,
    baseDir: baseFolder(setting),
    inputs,
    outputDir: join(setting.folder, 'transform', 'output'),
    resultFile: join(setting.folder, 'transform', 'result.json'),
    failureFile: join(baseFolder(setting), 'output', 'failure'),
  });
}

const scriptMode = ({ frameworksDir }: JobSetting, command: 'train' | 'serve') =>
  join(frameworksDir, scriptModeFolder, command);
