import { expect, test } from 'vitest';
import {
  begin,
  end,
  newRetrainingState,
  parseRetrainRequest,
  putBack,
  quietUntil,
  receive,
  waitMs,
} from '../../src/core/retraining.ts';
import { refusal } from './refusal.ts';

const asked = (reason: string, more: object = {}) =>
  parseRetrainRequest({ reason, minimumIntervalSeconds: 60, run: { pipeline: 'p' }, ...more });

test('an event that comes often is one, while it waits, while its run is open and for the interval after', () => {
  const state = newRetrainingState();
  receive(state, asked('drift'), 0);
  receive(state, asked('drift'), 1);
  expect(state.waiting?.reasons).toEqual(['drift']);
  begin(state, 10);
  receive(state, asked('drift'), 20);
  end(state, { workflowId: 'w', reasons: ['drift'], startedAt: 10, outcome: 'accepted' });
  receive(state, asked('drift'), 59_999);
  expect(state).toMatchObject({ waiting: null, duplicates: 3 });
  receive(state, asked('drift'), 60_010);
  expect(state.waiting?.reasons).toEqual(['drift']);
});

test('events of another kind wait together until the interval has passed, and the latest says what runs', () => {
  const state = newRetrainingState();
  receive(state, asked('drift'), 0);
  begin(state, 0);
  receive(state, asked('data of Monday', { key: 'monday' }), 5);
  receive(state, asked('data of Tuesday', { run: { pipeline: 'q' } }), 10_000);
  receive(state, asked('data of Monday, again', { key: 'monday' }), 10_001);
  expect(state.waiting).toMatchObject({
    reasons: ['data of Monday', 'data of Tuesday'],
    run: { pipeline: 'q' },
  });
  expect(waitMs(state, 20_000)).toBe(40_000);
  expect(waitMs(state, 70_000)).toBe(0);
});

test('what has run is remembered for its own interval, whatever runs after it', () => {
  const state = newRetrainingState();
  receive(state, asked('drift', { minimumIntervalSeconds: 3600 }), 0);
  begin(state, 0);
  receive(state, asked('data', { minimumIntervalSeconds: 1 }), 5000);
  begin(state, 5000);
  receive(state, asked('drift'), 100_000);
  expect(state.waiting).toBeNull();
  expect(quietUntil(state)).toBe(3_600_000);
});

test('what could not be started waits again, together with what has come meanwhile', () => {
  const state = newRetrainingState();
  receive(state, asked('drift'), 0);
  const begun = begin(state, 10)!;
  receive(state, asked('data', { run: { pipeline: 'q' } }), 20);
  putBack(state, begun, null);
  expect(state).toMatchObject({
    waiting: { reasons: ['drift', 'data'], keys: ['drift', 'data'], run: { pipeline: 'q' } },
    ...{ open: null, lastStart: null, recent: [] },
  });
});

test('what is no request is refused with its place', () => {
  expect(refusal(() => parseRetrainRequest({ run: { pipeline: 'p' } })).message).toContain(
    'reason: is missing',
  );
  expect(refusal(() => parseRetrainRequest({ reason: 'drift', run: {} })).message).toContain(
    'run.pipeline: ',
  );
});
