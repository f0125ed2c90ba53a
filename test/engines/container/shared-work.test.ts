import { describe, expect, it } from 'vitest';
import { createSharedWork } from '../../../src/engines/container/shared-work.ts';

describe('work that several wait for', () => {
  const ask = (alone: 'goes on' | 'is aborted') => {
    const shared = createSharedWork(alone);
    let finish: () => void = () => undefined;
    let fail: (error: Error) => void = () => undefined;
    const starts: { tell: (phase: string) => void; signal: AbortSignal }[] = [];
    const join = (told: string[] = [], abort = new AbortController()) => {
      const done = shared.join(
        'key',
        (tell, signal) => {
          starts.push({ tell, signal });
          return new Promise((resolve, reject) => {
            finish = resolve;
            fail = reject;
          });
        },
        (phase) => told.push(phase),
        abort.signal,
      );
      done.catch(() => undefined);
      return { done, abort, told };
    };
    return { join, starts, finish: () => finish(), fail: (error: Error) => fail(error) };
  };

  it('is done once, and all hear how it goes, who comes late of the last phase', async () => {
    const { join, starts, finish } = ask('is aborted');
    const first = join();
    starts[0]!.tell('one');
    const second = join();
    starts[0]!.tell('two');
    finish();
    await Promise.all([first.done, second.done]);
    expect(first.told).toEqual(['one', 'two']);
    expect(second.told).toEqual(['one', 'two']);
    expect(starts).toHaveLength(1);
  });

  it('goes on for the others when the first one is cancelled', async () => {
    const { join, starts, finish } = ask('is aborted');
    const [first, second] = [join(), join()];
    first.abort.abort(new Error('cancelled'));
    await expect(first.done).rejects.toThrow('cancelled');
    expect(starts[0]!.signal.aborted).toBe(false);
    starts[0]!.tell('more');
    expect(first.told).toEqual([]);
    finish();
    await second.done;
    expect(second.told).toEqual(['more']);
  });

  it.each([
    ['is aborted', true],
    ['goes on', false],
  ] as const)('%s when nobody waits any more', async (alone, isAborted) => {
    const { join, starts } = ask(alone);
    const first = join();
    first.abort.abort(new Error('cancelled'));
    await expect(first.done).rejects.toThrow('cancelled');
    expect(starts[0]!.signal.aborted).toBe(isAborted);
    join();
    expect(starts).toHaveLength(isAborted ? 2 : 1);
  });

  it('that fails fails for all, and is begun anew by the next', async () => {
    const { join, starts, fail } = ask('is aborted');
    const [first, second] = [join(), join()];
    fail(new Error('broken'));
    await expect(first.done).rejects.toThrow('broken');
    await expect(second.done).rejects.toThrow('broken');
    join();
    expect(starts).toHaveLength(2);
  });

  it('is not begun by who is cancelled already', async () => {
    const { join, starts } = ask('is aborted');
    const abort = new AbortController();
    abort.abort(new Error('cancelled'));
    await expect(join([], abort).done).rejects.toThrow('cancelled');
    expect(starts).toHaveLength(0);
  });
});
