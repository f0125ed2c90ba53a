/** vCPUs and GiB of memory of an instance type. */
export interface InstanceSize {
  cpus: number;
  memoryGb: number;
}

const fifth = ['large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge', '24xlarge'];
const sixth = [...fifth, '32xlarge'];
const seventh = [...fifth, '48xlarge'];
const compute = ['large', 'xlarge', '2xlarge', '4xlarge', '9xlarge', '12xlarge', '18xlarge', '24xlarge'];
const graphics = ['xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge'];
const moreGraphics = [...graphics, '24xlarge', '48xlarge'];

/**
 * Families that keep one ratio: GiB a vCPU, and their sizes. A size says how many vCPUs: 2 for large, 4 times the number before
 * xlarge. Source: aws.amazon.com/ec2/instance-types and aws.amazon.com/sagemaker/pricing.
 */
const families: ReadonlyMap<string, readonly [gigabytesPerCpu: number, sizes: readonly string[]]> = new Map([
  ['m4', [4, ['large', 'xlarge', '2xlarge', '4xlarge', '10xlarge', '16xlarge']]],
  ['m5', [4, fifth]],
  ['m5d', [4, fifth]],
  ['m6i', [4, sixth]],
  ['m6id', [4, sixth]],
  ['m7i', [4, seventh]],
  ['c5', [2, compute]],
  ['c5d', [2, compute]],
  ['c6i', [2, sixth]],
  ['c6id', [2, sixth]],
  ['c7i', [2, seventh]],
  ['r5', [8, fifth]],
  ['r5d', [8, fifth]],
  ['r6i', [8, sixth]],
  ['r6id', [8, sixth]],
  ['r7i', [8, seventh]],
  ['g4dn', [4, graphics]],
  ['g5', [4, moreGraphics]],
  ['g6', [4, moreGraphics]],
]);

/** Sizes that follow no ratio or no rule. Same source. */
const others: ReadonlyMap<string, InstanceSize> = new Map(
  Object.entries({
    't2.medium': { cpus: 2, memoryGb: 4 },
    't2.large': { cpus: 2, memoryGb: 8 },
    't2.xlarge': { cpus: 4, memoryGb: 16 },
    't2.2xlarge': { cpus: 8, memoryGb: 32 },
    't3.medium': { cpus: 2, memoryGb: 4 },
    't3.large': { cpus: 2, memoryGb: 8 },
    't3.xlarge': { cpus: 4, memoryGb: 16 },
    't3.2xlarge': { cpus: 8, memoryGb: 32 },
    'c4.large': { cpus: 2, memoryGb: 3.75 },
    'c4.xlarge': { cpus: 4, memoryGb: 7.5 },
    'c4.2xlarge': { cpus: 8, memoryGb: 15 },
    'c4.4xlarge': { cpus: 16, memoryGb: 30 },
    'c4.8xlarge': { cpus: 36, memoryGb: 60 },
    'c5n.xlarge': { cpus: 4, memoryGb: 10.5 },
    'c5n.2xlarge': { cpus: 8, memoryGb: 21 },
    'c5n.4xlarge': { cpus: 16, memoryGb: 42 },
    'c5n.9xlarge': { cpus: 36, memoryGb: 96 },
    'c5n.18xlarge': { cpus: 72, memoryGb: 192 },
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
  }),
);

/** The size of `ml.m5.xlarge`, as AWS publishes it; null for a type that isn't in the tables. */
export function instanceSize(instanceType: string): InstanceSize | null {
  const name = instanceType.replace(/^ml\./, '');
  const [family = '', size = ''] = name.split('.');
  const [gigabytesPerCpu, sizes] = families.get(family) ?? [0, []];
  if (!sizes.includes(size)) return others.get(name) ?? null;
  const cpus = cpusOf(size);
  return { cpus, memoryGb: cpus * gigabytesPerCpu };
}

function cpusOf(size: string): number {
  return size === 'large' ? 2 : 4 * Number(size.replace('xlarge', '') || '1');
}
