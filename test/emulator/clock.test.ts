import { afterEach, describe, expect, it } from 'vitest';
import { createClock, type Clock } from '../../src/emulator/clock.ts';

let clock: Clock;
afterEach(() => clock.close());

describe('the clock', () => {
  it('stands still at speed 0, and goes exactly as far as it is advanced', () => {
    clock = createClock({ start: 1000, speed: 0 });
    clock.advance(250);
    expect(clock.now()).toBe(1250);
  });

  it('runs what falls due in the order of its times, each at its own, and what that adds', () => {
    clock = createClock({ start: 0, speed: 0 });
    const seen: [string, number][] = [];
    const note = (what: string) => () => void seen.push([what, clock.now()]);
    clock.at(300, note('third'));
    clock.at(100, () => {
      note('first')();
      clock.at(200, note('second'));
      clock.at(50, note('at once'));
    });
    clock.at(500, note('too late'));
    clock.advance(400);
    expect(seen).toEqual([
      ['first', 100],
      ['at once', 100],
      ['second', 200],
      ['third', 300],
    ]);
  });

  it('forgets what was taken back', () => {
    clock = createClock({ start: 0, speed: 0 });
    const takeBack = clock.at(10, () => expect.unreachable());
    takeBack();
    clock.advance(100);
  });

  it('goes faster than the real time, and runs events by itself', async () => {
    clock = createClock({ start: 0, speed: 10_000 });
    const real = performance.now();
    await new Promise<void>((resolve) => void clock.at(3_600_000, resolve));
    expect(clock.now()).toBeGreaterThanOrEqual(3_600_000);
    expect(performance.now() - real).toBeGreaterThan(350);
  });

  it('never goes back when its speed changes', () => {
    clock = createClock({ start: 0, speed: 1_000_000 });
    clock.advance(5000);
    const before = clock.now();
    clock.setSpeed(0);
    const stopped = clock.now();
    expect(stopped).toBeGreaterThanOrEqual(before);
    expect(clock.now()).toBe(stopped);
  });
});
