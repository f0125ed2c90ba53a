import { describe, expect, it } from 'vitest';
import { operations } from '../../src/emulator/operations/index.ts';
import { patternOf, serviceModel } from '../../src/emulator/service-model.ts';

const { operations: known, shapes, source } = serviceModel();
const patterns = Object.entries(shapes).flatMap(([name, { pattern }]) =>
  pattern === undefined ? [] : [[name, pattern] as const],
);

describe('the service model', () => {
  it('says where it comes from', () => {
    expect(source).toMatch(/^botocore \d+\.\d+\.\d+, data\/sagemaker\/2017-07-24\/service-2\.json/);
  });

  it('has the operations that the emulator answers, and no other', () => {
    expect(Object.keys(known).sort()).toEqual(Object.keys(operations).sort());
  });

  it('names only shapes that it has', () => {
    const named = Object.values(shapes).flatMap(({ members = {}, member, key, value }) => [
      ...Object.values(members),
      ...[member, key, value].filter((name) => name !== undefined),
    ]);
    const roots = Object.values(known).flatMap(({ input, output }) => [
      input,
      ...(output === undefined ? [] : [output]),
    ]);
    expect([...named, ...roots].filter((name) => !Object.hasOwn(shapes, name))).toEqual([]);
  });

  it.each(patterns)('has a pattern of %s that is understood', (_name, pattern) => {
    expect(() => patternOf(pattern)).not.toThrow();
  });

  it.each([
    ['TrainingJobName', 'a--b', true],
    ['TrainingJobName', 'a-', false],
    ['CustomerMetadataKey', 'sluice:run id/ü', true],
    ['CustomerMetadataKey', 'a*b', false],
    ['HyperParameterValue', 'one line', true],
    ['HyperParameterValue', 'two\nlines', false],
    ['ModelPackageArn', 'arn:aws:sagemaker:eu-west-1:123456789012:model-package/a/1', true],
    ['ModelPackageArn', 'x arn:aws:sagemaker:eu-west-1:123456789012:model-package/a/1', false],
    ['TrainingRepositoryCredentialsProviderArn', 'arn:aws:lambda:eu-west-1:123456789012:function:f', true],
    ['VersionedArnOrName', 'group/12', true],
    ['VersionedArnOrName', 'group-', false],
  ])('has a pattern of %s that takes %j: %j', (shape, value, taken) => {
    expect(patternOf(shapes[shape]!.pattern!).test(value)).toBe(taken);
  });
});
