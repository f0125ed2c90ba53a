import { z } from 'zod';
import { chance } from './chance.ts';
import type { Clock } from './clock.ts';
import { matches } from './pattern.ts';
import { lifeSchema } from './script.ts';

const everyJob = 'Create*Job';
const everyDescribe = 'Describe*Job';

/** Which calls a fault meets. What is left out matches everything. */
const target = (operation: string) => ({
  /** A pattern of operations: `*` stands for anything. */
  operation: z.string().default(operation),
  /** A pattern of names of jobs, models, groups or packages. */
  name: z.string().default('*'),
  accessKey: z.string().optional(),
  /** Of each call that matches. */
  probability: z.number().min(0).max(1).default(1),
  /** How many calls it meets at most. */
  times: z.int().min(1).optional(),
  /** How many calls that match pass before it begins. */
  skip: z.int().min(0).default(0),
});

export const faultSchema = z.discriminatedUnion('fault', [
  /** ThrottlingException, as AWS answers above its limits. */
  z.strictObject({ fault: z.literal('throttle'), ...target('*') }),
  /** InternalFailure with status 500, or ServiceUnavailable with 503. */
  z.strictObject({
    fault: z.literal('server-error'),
    ...target('*'),
    status: z.union([z.literal(500), z.literal(503)]).default(500),
    /** `after`: the work was done all the same. */
    when: z.enum(['before', 'after']).default('before'),
  }),
  /** Any error. */
  z.strictObject({
    fault: z.literal('error'),
    ...target('*'),
    code: z.string(),
    message: z.string().default('a fault on command'),
    status: z.int().min(400).max(599).default(400),
  }),
  /** The connection is dropped before anything was done. */
  z.strictObject({ fault: z.literal('lost-request'), ...target('*') }),
  /** The connection is dropped after the work was done. */
  z.strictObject({ fault: z.literal('lost-response'), ...target('*') }),
  /** ExpiredTokenException. */
  z.strictObject({ fault: z.literal('expired-credentials'), ...target('*') }),
  /** ResourceLimitExceeded: nothing is made. */
  z.strictObject({ fault: z.literal('quota'), ...target(everyJob) }),
  /** The job is made, and fails for want of instances. */
  z.strictObject({ fault: z.literal('capacity'), ...target(everyJob) }),
  /** The job is made, and fails by a fault of SageMaker's. */
  z.strictObject({ fault: z.literal('internal-failure'), ...target(everyJob) }),
  /** The job is made, and goes as told. */
  z.strictObject({ fault: z.literal('life'), ...target(everyJob), life: lifeSchema }),
  /** The answer takes so many real seconds more. */
  z.strictObject({ fault: z.literal('slow'), ...target('*'), seconds: z.number().min(0) }),
  /** Describe shows an older state: so many transitions ago, or any: then states come out of order. */
  z.strictObject({
    fault: z.literal('stale'),
    ...target(everyDescribe),
    transitions: z.union([z.int().min(1), z.literal('any')]).default(1),
  }),
  /** Describe shows states that no client knows, while the job is not over. */
  z.strictObject({
    fault: z.literal('unknown-state'),
    ...target(everyDescribe),
    status: z.string().optional(),
    secondaryStatus: z.string().default('Levitating'),
  }),
  /** A page of a log without lines, which says that there are more. */
  z.strictObject({ fault: z.literal('empty-page'), ...target('FilterLogEvents') }),
  /**
   * What is made is there, and its name taken, but for so many of the emulator's seconds reads do not know it, or not its tags:
   * AWS's stores are consistent only in the end.
   */
  z.strictObject({
    fault: z.literal('not-yet'),
    ...target('Create*'),
    seconds: z.number().gt(0),
    what: z.enum(['all', 'tags']).default('all'),
  }),
  /** The spot instances of the job are taken away. */
  z.strictObject({ fault: z.literal('interrupt'), ...target(everyDescribe) }),
  /** The job is gone, as if it had never been. */
  z.strictObject({ fault: z.literal('vanish'), ...target(everyDescribe) }),
]);
export type Fault = z.output<typeof faultSchema>;
export type FaultInput = z.input<typeof faultSchema>;

/** A token bucket, as AWS limits calls of an account in a region. */
export const limitSchema = z.strictObject({
  /** A pattern of operations. All that match share the bucket. */
  operation: z.string(),
  perSecond: z.number().gt(0),
  burst: z.number().min(1),
  /** Whose seconds: the emulator's, or real ones. */
  clock: z.enum(['emulator', 'real']).default('emulator'),
});
export type LimitInput = z.input<typeof limitSchema>;

/** One call, as far as faults look at it. */
export interface Target {
  operation: string;
  name: string | null;
  accessKey: string | null;
  region: string;
}

export interface Faults {
  /** What this call meets. Each call is asked about once: faults count. */
  meet(call: Target): Fault[];
  /** How often this operation on this name was asked about, this call included. */
  nth(call: Pick<Target, 'operation' | 'name'>): number;
  add(fault: FaultInput): void;
  clear(): void;
  readonly list: readonly Fault[];
  /** Takes a token of every bucket of the call. @returns false if one is empty. */
  allows(call: Target): boolean;
  setLimits(limits: readonly LimitInput[]): void;
}

interface Rule {
  id: number;
  fault: Fault;
  seen: Map<string, number>;
  matched: number;
  met: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const aboutOf = ({ operation, name }: Pick<Target, 'operation' | 'name'>) => `${operation}\0${name ?? ''}`;

export function createFaults(clock: Clock, seed: number): Faults {
  let rules: Rule[] = [];
  let made = 0;
  let limits: z.output<typeof limitSchema>[] = [];
  let buckets = new Map<string, Bucket>();
  const asked = new Map<string, number>();

  const isMet = (rule: Rule, call: Target): boolean => {
    const { fault } = rule;
    const name = call.name ?? '';
    if (fault.accessKey !== undefined && fault.accessKey !== call.accessKey) return false;
    if (!matches(fault.operation, call.operation) || !matches(fault.name, name)) return false;
    if (++rule.matched <= fault.skip || rule.met >= (fault.times ?? Infinity)) return false;
    const about = aboutOf(call);
    const nth = (rule.seen.get(about) ?? 0) + 1;
    rule.seen.set(about, nth);
    if (fault.probability < 1 && chance(seed, rule.id, about, nth) >= fault.probability) return false;
    rule.met += 1;
    return true;
  };
  const take = (index: number, { region }: Target): boolean => {
    const limit = limits[index];
    if (limit === undefined) return true;
    const key = `${index}\0${region}`;
    const now = limit.clock === 'real' ? performance.now() : clock.now();
    const { tokens, at } = buckets.get(key) ?? { tokens: limit.burst, at: now };
    const filled = Math.min(limit.burst, tokens + ((now - at) / 1000) * limit.perSecond);
    const allowed = filled >= 1;
    buckets.set(key, { tokens: allowed ? filled - 1 : filled, at: now });
    return allowed;
  };

  return {
    meet(call) {
      const about = aboutOf(call);
      asked.set(about, (asked.get(about) ?? 0) + 1);
      return rules.filter((rule) => isMet(rule, call)).map(({ fault }) => fault);
    },
    nth: (call) => asked.get(aboutOf(call)) ?? 0,
    add(fault) {
      rules.push({ id: ++made, fault: faultSchema.parse(fault), seen: new Map(), matched: 0, met: 0 });
    },
    clear() {
      rules = [];
    },
    get list() {
      return rules.map(({ fault }) => fault);
    },
    allows: (call) =>
      limits
        .map((limit, index) => (matches(limit.operation, call.operation) ? take(index, call) : true))
        .every((allowed) => allowed),
    setLimits(next) {
      limits = next.map((limit) => limitSchema.parse(limit));
      buckets = new Map();
    },
  };
}
