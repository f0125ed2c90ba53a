import { createEvents } from './clock-events.ts';

/** The emulator's own time. It can run faster than the real one, stand still, and be moved forward; never back. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `event` when that time has come. @returns what takes it back. */
  at(time: number, event: () => void): () => void;
  /** Moves the time forward and runs what falls due on the way, each event at its own time. */
  advance(milliseconds: number): void;
  /** Emulated seconds in a real one; 0 stops the clock until it is advanced. */
  setSpeed(speed: number): void;
  readonly speed: number;
  /** Runs what is due by now. Everything that looks at states calls it first: timers may be late. */
  settle(): void;
  close(): void;
}

/** Node's timers take no more. */
const longestTimer = 2 ** 31 - 1;

/** @param start - milliseconds since 1970; default: the real time. @param speed - default 1. */
export function createClock({ start = Date.now(), speed = 1 } = {}): Clock {
  const events = createEvents();
  let anchor = { emulated: start, real: performance.now(), speed };
  /** While an event runs, it is exactly its time. */
  let current: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const now = () => current ?? anchor.emulated + (performance.now() - anchor.real) * anchor.speed;
  const restart = (emulated: number, pace: number) =>
    (anchor = { emulated, real: performance.now(), speed: pace });
  const runUntil = (time: number) => {
    // An event that asks for the time to go on would find itself.
    if (current !== undefined) return;
    try {
      for (let event = events.take(time); event !== undefined; event = events.take(time)) {
        current = event.time;
        event.run();
      }
    } finally {
      current = undefined;
    }
  };
  const arm = () => {
    clearTimeout(timer);
    const next = events.next();
    if (isClosed || next === undefined || anchor.speed === 0) return;
    const wait = Math.min(Math.max((next - now()) / anchor.speed, 0), longestTimer);
    // Who serves requests keeps the process alive, not who waits for the time.
    timer = setTimeout(settle, Math.ceil(wait)).unref();
  };
  const settle = () => {
    runUntil(now());
    arm();
  };

  return {
    now,
    at(time, run) {
      // Nothing happens in the past.
      const due = Math.max(time, now());
      const takeBack = events.add(due, run);
      if (events.next() === due) arm();
      return takeBack;
    },
    advance(milliseconds) {
      const target = now() + Math.max(milliseconds, 0);
      runUntil(target);
      restart(target, anchor.speed);
      settle();
    },
    setSpeed(next) {
      restart(now(), next);
      settle();
    },
    get speed() {
      return anchor.speed;
    },
    settle,
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
