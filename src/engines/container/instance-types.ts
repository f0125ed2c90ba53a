/** vCPUs and GiB of memory of an instance type. */
export interface InstanceSize {
  cpus: number;
  memoryGb: number;
}

/** vCPUs by size; the same for all families below. */
const cpusOf: Readonly<Record<string, number>> = {
  large: 2,
  xlarge: 4,
  '2xlarge': 8,
  '3xlarge': 12,
  '4xlarge': 16,
  '6xlarge': 24,
  '8xlarge': 32,
  '9xlarge': 36,
  '12xlarge': 48,
  '16xlarge': 64,
  '18xlarge': 72,
  '24xlarge': 96,
  '32xlarge': 128,
  '48xlarge': 192,
};

/** GiB a vCPU of the families that keep one ratio. Source: aws.amazon.com/ec2/instance-types and aws.amazon.com/sagemaker/pricing. */
const gigabytesPerCpu: Readonly<Record<string, number>> = {
  m4: 4,
  m5: 4,
  m5d: 4,
  m6i: 4,
  m6id: 4,
  m7i: 4,
  c5: 2,
  c5d: 2,
  c6i: 2,
  c6id: 2,
  c7i: 2,
  r5: 8,
  r5d: 8,
  r6i: 8,
  r6id: 8,
  r7i: 8,
  g4dn: 4,
  g5: 4,
  g6: 4,
};

/** Sizes that follow no ratio, or another one. Same source. */
const exceptions: Readonly<Record<string, InstanceSize>> = {
  't3.medium': { cpus: 2, memoryGb: 4 },
  't3.large': { cpus: 2, memoryGb: 8 },
  't3.xlarge': { cpus: 4, memoryGb: 16 },
  't3.2xlarge': { cpus: 8, memoryGb: 32 },
  'm4.10xlarge': { cpus: 40, memoryGb: 160 },
  'm4.16xlarge': { cpus: 64, memoryGb: 256 },
  'c4.large': { cpus: 2, memoryGb: 3.75 },
  'c4.xlarge': { cpus: 4, memoryGb: 7.5 },
  'c4.2xlarge': { cpus: 8, memoryGb: 15 },
  'c4.4xlarge': { cpus: 16, memoryGb: 30 },
  'c4.8xlarge': { cpus: 36, memoryGb: 60 },
  'c5.9xlarge': { cpus: 36, memoryGb: 72 },
  'c5.18xlarge': { cpus: 72, memoryGb: 144 },
  'g5.4xlarge': { cpus: 16, memoryGb: 64 },
  'p2.xlarge': { cpus: 4, memoryGb: 61 },
  'p2.8xlarge': { cpus: 32, memoryGb: 488 },
  'p2.16xlarge': { cpus: 64, memoryGb: 732 },
  'p3.2xlarge': { cpus: 8, memoryGb: 61 },
  'p3.8xlarge': { cpus: 32, memoryGb: 244 },
  'p3.16xlarge': { cpus: 64, memoryGb: 488 },
  'p3dn.24xlarge': { cpus: 96, memoryGb: 768 },
  'p4d.24xlarge': { cpus: 96, memoryGb: 1152 },
  'p4de.24xlarge': { cpus: 96, memoryGb: 1152 },
  'p5.48xlarge': { cpus: 192, memoryGb: 2048 },
};

/** The size of `ml.m5.xlarge`, as AWS publishes it; null for a type that isn't in the table. */
export function instanceSize(instanceType: string): InstanceSize | null {
  const name = instanceType.replace(/^ml\./, '');
  const exception = exceptions[name];
  if (exception) return exception;
  const [family = '', size = ''] = name.split('.');
  const cpus = cpusOf[size];
  const ratio = gigabytesPerCpu[family];
  if (cpus === undefined || ratio === undefined) return null;
  return { cpus, memoryGb: cpus * ratio };
}
