import { setTimeout as pause } from 'node:timers/promises';
import type { JobRequest } from '../../src/core/jobs.ts';
import type { ConformanceTarget, LiveJob } from './contract.ts';

export const patienceSeconds = 60;

/** The job of that name and request, which need not be there yet. */
export function liveJob(target: ConformanceTarget, name: string, request: JobRequest): LiveJob {
  const { engine } = target;
  const ref = { engine: engine.name, name, kind: request.kind };
  return {
    name,
    request,
    async ensure(other = request) {
      await engine.ensure(name, other, new AbortController().signal);
    },
    describe: () => engine.describe(ref),
    stop: () => engine.stop(ref),
    async untilPrinted(text) {
      await waitFor(target, `${name} prints ${text}`, async () =>
        (await target.printed(name)).includes(text),
      );
    },
    ended: () =>
      waitFor(target, `${name} ends`, async () => {
        const state = await engine.describe(ref);
        if (state.status === 'missing') throw new Error(`${name} is missing`);
        return state.status === 'running' ? null : state;
      }),
  };
}

async function waitFor<Value>(
  { engine }: ConformanceTarget,
  what: string,
  look: () => Promise<Value | null | false>,
): Promise<Value> {
  const from = performance.now();
  for (;;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    const elapsed = performance.now() - from;
    if (elapsed > patienceSeconds * 1000)
      throw new Error(`waited ${patienceSeconds} s in vain until ${what}`);
    await pause(Math.max(20, engine.pollIntervalMs(elapsed)));
  }
}
