interface Event {
  time: number;
  run: () => void;
}

/** What is to happen, in the order of its times; at equal times, in the order of its making. */
export interface Events {
  /** The time of the next one. */
  next(): number | undefined;
  /** @returns what takes it back. */
  add(time: number, run: () => void): () => void;
  /** The next one that is due by `time`, taken out. */
  take(time: number): Event | undefined;
}

export function createEvents(): Events {
  const events: Event[] = [];
  return {
    next: () => events[0]?.time,
    add(time, run) {
      const event = { time, run };
      const later = events.findIndex((other) => other.time > time);
      events.splice(later === -1 ? events.length : later, 0, event);
      return () => {
        const index = events.indexOf(event);
        if (index !== -1) events.splice(index, 1);
      };
    },
    take(time) {
      const [first] = events;
      return first !== undefined && first.time <= time ? events.shift() : undefined;
    },
  };
}
