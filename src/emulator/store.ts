import { jobKinds, type JobKind, type Place } from './arn.ts';
import type { Job } from './job.ts';

export type Body = Readonly<Record<string, unknown>>;

/** A model, a group or a package: what was asked for, and what became of it. */
export interface Resource {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  input: Body;
}

export interface ModelPackage extends Resource {
  /** Null: it belongs to no group, and its name is its own. */
  readonly group: string | null;
  readonly version: number | null;
  modifiedAt: number | null;
}

/** Everything of one account in one region. Names are unique here, and differ by more than case. */
export interface Region {
  readonly place: Place;
  readonly jobs: Record<JobKind, Table<Job>>;
  readonly models: Table<Resource>;
  readonly groups: Table<Resource>;
  /** By ARN. */
  readonly packages: Table<ModelPackage>;
  /** The last version of each group, deleted ones included: a version is never given twice. */
  readonly lastVersions: Map<string, number>;
  /** Client tokens of CreateModelPackage, with the body that came with them. */
  readonly tokens: Map<string, { body: string; arn: string }>;
  /** By ARN. */
  readonly tags: Map<string, Map<string, string>>;
  /** By ARN: what reads do not show yet, though it is there (the fault `not-yet`). */
  readonly hidden: Map<string, 'all' | 'tags'>;
}

/** Whether reads know of it. */
export const isVisible = ({ hidden }: Region, arn: string) => hidden.get(arn) !== 'all';

/** Things by name, in the order of their making. */
export interface Table<Thing> {
  get(name: string): Thing | undefined;
  add(name: string, thing: Thing): void;
  delete(name: string): void;
  all(): Thing[];
}

function createTable<Thing>(): Table<Thing> {
  const things = new Map<string, Thing>();
  const keyOf = (name: string) => name.toLowerCase();
  return {
    get: (name) => things.get(keyOf(name)),
    add: (name, thing) => void things.set(keyOf(name), thing),
    delete: (name) => void things.delete(keyOf(name)),
    all: () => [...things.values()],
  };
}

export interface Store {
  region(name: string): Region;
  regions(): Region[];
}

export function createStore(accountId: string): Store {
  const regions = new Map<string, Region>();
  return {
    region(name) {
      let region = regions.get(name);
      if (region === undefined) {
        region = {
          place: { accountId, region: name },
          jobs: Object.fromEntries(jobKinds.map((kind) => [kind, createTable<Job>()])) as Region['jobs'],
          models: createTable(),
          groups: createTable(),
          packages: createTable(),
          lastVersions: new Map(),
          tokens: new Map(),
          tags: new Map(),
          hidden: new Map(),
        };
        regions.set(name, region);
      }
      return region;
    },
    regions: () => [...regions.values()],
  };
}
