import { z } from 'zod';
import { chance } from './chance.ts';
import type { Job } from './job.ts';
import { matches } from './pattern.ts';

/** So many emulated seconds, or between two bounds, as the seed has it. */
const seconds = z.union([z.number().min(0), z.tuple([z.number().min(0), z.number().min(0)])]);

/** How a job goes. What is left out goes as in `ordinary`. */
export const lifeSchema = z.strictObject({
  startingSeconds: seconds.optional(),
  /** Waiting for capacity, in the secondary status Pending, after Starting. */
  pendingSeconds: seconds.optional(),
  downloadingSeconds: seconds.optional(),
  runningSeconds: seconds.optional(),
  uploadingSeconds: seconds.optional(),
  /** From the request to stop to the end. AWS gives the script 120 s. */
  stoppingSeconds: seconds.optional(),
  end: z.enum(['Completed', 'Failed', 'Stopped']).optional(),
  /** The phase after which a job that fails does. */
  failAfter: z.enum(['Starting', 'Downloading', 'Training', 'Uploading']).optional(),
  failureReason: z.string().max(1024).optional(),
  exitMessage: z.string().max(1024).optional(),
  metrics: z.record(z.string(), z.number()).optional(),
  /** Seconds of training after which the spot instances are taken away; each counts from the last. Spot jobs only. */
  interruptions: z.array(z.number().min(0)).optional(),
  interruptedSeconds: seconds.optional(),
  afterInterruption: z.enum(['Starting', 'Restarting']).optional(),
  /** What a stop comes to: a job may end by itself while it is being stopped. */
  onStop: z.enum(['Stopped', 'Completed', 'Failed']).optional(),
  /**
   * Objects that a completed job leaves: by the path below an output's URI, "evaluation/evaluation.json" (processing: the
   * name of the output first), "output/model.tar.gz" (training: below the job's own folder), "batch.csv.out" (transform).
   */
  writes: z
    .record(
      z.string(),
      z.union([z.strictObject({ text: z.string() }), z.strictObject({ base64: z.base64() })]),
    )
    .optional(),
});
export type Life = z.output<typeof lifeSchema>;

export const scriptSchema = z.strictObject({
  seed: z.int().optional(),
  jobs: z
    .array(
      z.strictObject({
        /** A pattern of names: `*` stands for anything. */
        job: z.string().default('*'),
        kind: z.enum(['Processing', 'Training', 'Transform']).optional(),
        /** How many jobs go this way; those after look for the next rule. */
        times: z.int().min(1).optional(),
        life: lifeSchema,
      }),
    )
    .default([]),
});
export type ScriptFile = z.input<typeof scriptSchema>;

type SecondsField = Extract<keyof Life, `${string}Seconds`>;
type ChoiceField = 'end' | 'failAfter' | 'interruptions' | 'afterInterruption' | 'onStop';
/** A life without choices. */
export type DrawnLife = Pick<Life, 'failureReason' | 'exitMessage' | 'metrics' | 'writes'> &
  Record<SecondsField, number> & { [Field in ChoiceField]-?: NonNullable<Life[Field]> };

const ordinary: DrawnLife = {
  startingSeconds: 60,
  pendingSeconds: 0,
  downloadingSeconds: 20,
  runningSeconds: 180,
  uploadingSeconds: 15,
  stoppingSeconds: 20,
  end: 'Completed',
  failAfter: 'Training',
  interruptions: [],
  interruptedSeconds: 60,
  afterInterruption: 'Starting',
  onStop: 'Stopped',
};

export interface Script {
  /** How this job goes. Each job is asked once: rules with `times` count. */
  lifeOf(job: Job, changes: Life): DrawnLife;
  /** Only what the script and the faults say of this job. It counts as asked. */
  saidOf(job: Job, changes: Life): Partial<DrawnLife>;
  readonly seed: number;
}

export function createScript(file: ScriptFile = {}): Script {
  const { seed = 1, jobs } = scriptSchema.parse(file);
  const left = new Map(jobs.map((rule) => [rule, rule.times ?? Infinity]));
  const ruleFor = (job: Job) =>
    jobs.find(
      (rule) =>
        (left.get(rule) ?? 0) > 0 &&
        (rule.kind === undefined || rule.kind === job.kind) &&
        matches(rule.job, job.name),
    );
  const saidOf = (job: Job, changes: Life) => {
    const rule = ruleFor(job);
    if (rule !== undefined) left.set(rule, (left.get(rule) ?? 0) - 1);
    return draw({ ...rule?.life, ...changes }, (field) => chance(seed, job.name, field));
  };
  return { seed, saidOf, lifeOf: (job, changes) => ({ ...ordinary, ...saidOf(job, changes) }) };
}

function draw(life: Life, random: (field: string) => number): Partial<DrawnLife> {
  const drawn = Object.entries(life).map(([field, value]) => {
    if (!field.endsWith('Seconds') || !Array.isArray(value)) return [field, value];
    const [least, most] = value as [number, number];
    return [field, least + (most - least) * random(field)];
  });
  return Object.fromEntries(drawn) as Partial<DrawnLife>;
}
