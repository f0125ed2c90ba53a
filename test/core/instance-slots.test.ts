import { describe, expect, it } from 'vitest';
import {
  capFor,
  grant,
  isIdle,
  newSlots,
  parseClaim,
  placeInLine,
  release,
  request,
  slotsTable,
  used,
  type Claim,
} from '../../src/core/instance-slots.ts';

const session = { region: 'eu-central-1', accountId: '123456789012', roleArn: 'r', bucket: 'b', prefix: 'p' };
const claim = (job: string, more: Partial<Claim> = {}): Claim => ({
  job,
  kind: 'Training',
  session,
  workflowId: `run-${job}`,
  runId: `id-${job}`,
  pipeline: 'small',
  step: 'train',
  instances: 'ml.p4d.24xlarge',
  count: 1,
  cap: 2,
  priority: 3,
  ...more,
});
const slots = (...claims: Claim[]) => {
  const state = newSlots('ml.p4d.24xlarge', 2);
  claims.forEach((each, index) => request(state, each, index));
  return state;
};
const jobs = (claims: readonly { job: string }[]) => claims.map(({ job }) => job);

describe('the cap of an instance type', () => {
  const caps = { 'ml.p4d': 4, 'ml.p4d.24xlarge': 2 };
  it.each([
    ['ml.p4d.24xlarge', { instances: 'ml.p4d.24xlarge', cap: 2 }],
    ['ml.p4d.48xlarge', { instances: 'ml.p4d', cap: 4 }],
    ['ml.p4de.24xlarge', null],
    ['ml.m5.xlarge', null],
    ['toString', null],
    ['', null],
  ])('of %s is %o', (type, cap) => expect(capFor(caps, type)).toEqual(cap));
});

describe('slots', () => {
  it('go to the first that asked, as many as there are', () => {
    const state = slots(claim('a'), claim('b'), claim('c'), claim('d'));
    expect(jobs(grant(state, 10))).toEqual(['a', 'b']);
    expect(jobs(state.waiting)).toEqual(['c', 'd']);
    release(state, 'a');
    grant(state, 11);
    expect(jobs(state.holders)).toEqual(['b', 'c']);
    expect(state.holders.map(({ since }) => since)).toEqual([10, 11]);
  });

  it('go to a higher priority first, and within one to the first that asked', () => {
    const state = slots(claim('a', { priority: 5 }), claim('b'), claim('c', { priority: 1 }), claim('d'));
    expect(jobs(state.waiting)).toEqual(['c', 'b', 'd', 'a']);
  });

  it('are not taken by a small request before a large one that waits for its turn', () => {
    const state = slots(claim('a'), claim('b', { count: 2 }), claim('c'));
    grant(state, 0);
    expect(jobs(state.holders)).toEqual(['a']);
    expect(jobs(state.waiting)).toEqual(['b', 'c']);
    release(state, 'a');
    grant(state, 1);
    expect(jobs(state.holders)).toEqual(['b']);
    expect(used(state)).toBe(2);
  });

  it('are asked for once, however often; who has one is told again', () => {
    const state = slots(claim('a'), claim('b'), claim('c'), claim('c'));
    for (const holder of grant(state, 0)) state.holders.find(({ job }) => job === holder.job)!.told = true;
    expect(jobs(state.waiting)).toEqual(['c']);
    expect(grant(state, 1)).toEqual([]);
    request(state, claim('a'), 2);
    expect(jobs(grant(state, 2))).toEqual(['a']);
    expect(used(state)).toBe(2);
  });

  it('follow a cap that has changed with the next request, and take nothing away', () => {
    const state = slots(claim('a'), claim('b'));
    grant(state, 0);
    request(state, claim('c', { cap: 1 }), 1);
    grant(state, 1);
    expect([used(state), state.cap]).toEqual([2, 1]);
    release(state, 'a');
    expect(grant(state, 2).map(({ job }) => job)).not.toContain('c');
    release(state, 'b');
    grant(state, 3);
    expect(jobs(state.holders)).toEqual(['c']);
    request(state, claim('d', { cap: 3 }), 4);
    grant(state, 4);
    expect(jobs(state.holders)).toEqual(['c', 'd']);
  });

  it('are idle when nobody has or wants any; whoever is not known gives nothing back', () => {
    const state = slots(claim('a'));
    release(state, 'nobody');
    release(state, { not: 'a name' });
    expect(isIdle(state)).toBe(false);
    release(state, 'a');
    expect(isIdle(state)).toBe(true);
  });

  it('say where a job stands', () => {
    const state = slots(claim('a'), claim('b'), claim('c'), claim('d'));
    grant(state, 0);
    expect(placeInLine(state, 'd')).toBe('2 of 2 in line; in use by run-a (train), run-b (train)');
    expect(placeInLine(state, 'a')).toBeNull();
    const table = slotsTable(state);
    expect(table).toContain('**ml.p4d.24xlarge**: 2 of 2 in use, 2 waiting');
    expect(table).toContain('| 1 | small | train | run-d | 3 | 1970-01-01T00:00:00.003Z |');
  });
});

describe('a request', () => {
  it('may have keys that a later version knows', () => {
    const later = { ...claim('a'), more: 1, session: { ...session, kms: 'k' } };
    expect(parseClaim(later)).toMatchObject({ job: 'a', session: { kms: 'k' } });
  });

  it.each([[null], ['a'], [{}], [{ ...claim('a'), count: 0 }], [{ ...claim('a'), step: 'condition' }]])(
    'is none: %j',
    (input) => expect(parseClaim(input)).toBeNull(),
  );
});
