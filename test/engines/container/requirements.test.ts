import { describe, expect, it } from 'vitest';
import type { JobRequest } from '../../../src/core/jobs.ts';
import { checkRequest } from '../../../src/engines/container/requirements.ts';
import { makeFolder, processingJob, shell, trainingJob, writeFiles } from './jobs.ts';

const frameworksDir = writeFiles(makeFolder(), { 'sklearn/Dockerfile': 'FROM x' });
const check = (job: JobRequest) => () => checkRequest(job, null, frameworksDir);
const code = (job: JobRequest) => {
  try {
    checkRequest(job, null, frameworksDir);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the container engine', () => {
  it('takes any image, several instances and isolation', () => {
    expect(code(shell('true', { image: 'registry.example.org:5000/a/b@sha256:0' }))).toBeNull();
    expect(code(shell('true', { instanceCount: 3 }))).toBeNull();
    expect(code(shell('true', { isolated: true }))).toBeNull();
    expect(code(shell('true', { isolated: false, instanceCount: 2 }))).toBeNull();
  });

  it('refuses a framework that Sluice does not bring', () => {
    expect(code(shell('true', { image: 'sluice/sklearn:1.2-1' }))).toBeNull();
    const job = shell('true', { image: 'sluice/torch:2' });
    expect(check(job)).toThrow('sluice/torch:2: there is no such framework');
    expect(code(job)).toBe('Unsupported');
  });

  it('refuses the limits of an instance type that it does not know, unless they are all given', () => {
    const local = { limits: 'instance' } as const;
    const job = shell('true', { local });
    job.body.ProcessingResources.ClusterConfig.InstanceType = 'ml.z9.huge';
    expect(check(job)).toThrow('the size of ml.z9.huge is not known');
    expect(code(job)).toBe('InvalidInput');
    expect(code({ ...job, local: { ...job.local, cpus: 1 } })).toBe('InvalidInput');
    expect(code({ ...job, local: { ...job.local, cpus: 1, memoryGb: 1 } })).toBeNull();
    expect(code(shell('true', { local }))).toBeNull();
  });

  it('refuses isolation with several instances, which could not reach each other', () => {
    expect(code(shell('true', { isolated: true, instanceCount: 2 }))).toBe('Unsupported');
    const training = trainingJob({ folder: '/' }, 'true', { instanceCount: 2 });
    expect(code(training)).toBeNull();
    expect(code({ ...training, body: { ...training.body, EnableNetworkIsolation: true } })).toBe(
      'Unsupported',
    );
  });

  it('refuses paths outside of /opt/ml/processing and one inside another', () => {
    const job = processingJob(['true'], { outputs: { a: '/a', b: '/b' } });
    const [first, second] = job.body.ProcessingOutputConfig.Outputs;
    first!.S3Output.LocalPath = '/opt/ml/model';
    expect(code(job)).toBe('InvalidInput');
    first!.S3Output.LocalPath = `${second!.S3Output.LocalPath}/deep`;
    expect(code(job)).toBe('Unsupported');
  });
});
