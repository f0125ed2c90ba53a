import { expect, it } from 'vitest';
import { instanceSize } from '../../../src/engines/container/instance-types.ts';

it.each([
  ['ml.m5.large', 2, 8],
  ['ml.m5.xlarge', 4, 16],
  ['ml.m5.4xlarge', 16, 64],
  ['ml.m5.24xlarge', 96, 384],
  ['ml.m5d.16xlarge', 64, 256],
  ['ml.m4.10xlarge', 40, 160],
  ['ml.m4.16xlarge', 64, 256],
  ['ml.m6i.32xlarge', 128, 512],
  ['ml.m7i.48xlarge', 192, 768],
  ['ml.c4.xlarge', 4, 7.5],
  ['ml.c4.8xlarge', 36, 60],
  ['ml.c5.xlarge', 4, 8],
  ['ml.c5.9xlarge', 36, 72],
  ['ml.c5.18xlarge', 72, 144],
  ['ml.c5n.xlarge', 4, 10.5],
  ['ml.c5n.18xlarge', 72, 192],
  ['ml.c6i.16xlarge', 64, 128],
  ['ml.r5.12xlarge', 48, 384],
  ['ml.t3.medium', 2, 4],
  ['ml.t3.2xlarge', 8, 32],
  ['ml.g4dn.xlarge', 4, 16],
  ['ml.g4dn.12xlarge', 48, 192],
  ['ml.g5.2xlarge', 8, 32],
  ['ml.g5.48xlarge', 192, 768],
  ['ml.p2.16xlarge', 64, 732],
  ['ml.p3.2xlarge', 8, 61],
  ['ml.p3dn.24xlarge', 96, 768],
  ['ml.p4d.24xlarge', 96, 1152],
  ['ml.p5.48xlarge', 192, 2048],
])('%s has %i vCPUs and %d GiB, as AWS publishes it', (type, cpus, memoryGb) => {
  expect(instanceSize(type)).toEqual({ cpus, memoryGb });
});

it.each([
  'ml.m5.9xlarge',
  'ml.c5.8xlarge',
  'ml.g4dn.large',
  'ml.m7i.32xlarge',
  'ml.m5',
  'ml.x9.large',
  'local',
  '',
  'constructor.large',
  'm5.toString',
])('the size of %j, which AWS does not have, is not known', (type) => {
  expect(instanceSize(type)).toBeNull();
});
