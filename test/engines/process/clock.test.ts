import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createBench, fakePython, isolations, makeFolder, python, shell } from './fixtures.ts';

const jumpingClock = fileURLToPath(new URL('jumping_clock.py', import.meta.url));
const day = 86_400;

describe.each(isolations)('a job of a machine whose clock is set, isolation %s', (isolation) => {
  /** Supervisors whose clock jumps when a job makes the file. */
  const jumpingBench = (seconds: number) => {
    const jump = join(makeFolder(), 'jump');
    const supervisorPython = fakePython(`exec ${python} -I -S ${jumpingClock} ${jump} ${seconds} "$@"`);
    return { bench: createBench(isolation, { supervisorPython }), jump: `touch ${jump}` };
  };

  it.each([day, -day])('by %i s runs as long as it may', async (seconds) => {
    const { bench, jump } = jumpingBench(seconds);
    const state = await bench.run('in-time', shell(`${jump}; sleep 1`, { maxRuntimeSeconds: 600 }));
    if (state.status !== 'succeeded') throw new Error(JSON.stringify(state));
    // So the clock did jump.
    const shown = (Date.parse(state.endedAt) - Date.parse(state.startedAt)) / 1000;
    expect(Math.abs(shown - seconds)).toBeLessThan(600);
  });

  it.each([day, -day])('by %i s does not run longer', async (seconds) => {
    const { bench, jump } = jumpingBench(seconds);
    const state = await bench.run('late', shell(`${jump}; sleep 900`, { maxRuntimeSeconds: 2 }));
    expect(state).toMatchObject({ status: 'failed', code: 'JobTimedOut' });
  });

  it.each([day, -day])('by %i s is killed after its grace', async (seconds) => {
    const { bench, jump } = jumpingBench(seconds);
    await bench.start(
      'deaf',
      shell(`trap "" TERM; ${jump}; while :; do sleep 0.1; done`, { graceSeconds: 2 }),
    );
    await bench.stop('deaf');
    expect(await bench.ended('deaf')).toMatchObject({ status: 'stopped' });
  });
});
