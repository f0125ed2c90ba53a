import type { CloudStage } from '../support/cloud-stage.ts';
import type { FaultInput } from '../../src/emulator/faults.ts';
import type { Running } from '../support/stack.ts';
import { sleep } from '../support/until.ts';
import { steadyFaults } from './plan.ts';

export interface ChaosOptions {
  random: () => number;
  /** Of workers, at most; then they are let live. */
  kills: number;
  workerEnv: Record<string, string>;
  /** Between 0 and 1: how far the runs have come. Kills keep pace with it, however slow the machine is. */
  progress: () => number;
  isOver: () => boolean;
}

export interface Chaos {
  /** Workers that were ended by SIGKILL, by SIGTERM, and that stood still for longer than their heartbeats may. */
  counts: { killed: number; terminated: number; paused: number; storms: number };
  /** All that there were. */
  workers: Running[];
  /** What each is called when it asks AWS for something. */
  names: Map<Running, string>;
  /** Those that were ended by SIGKILL, by that name. */
  killed: Set<string>;
}

const workersAtOnce = 2;
/** Longer than the 30 s after which a watcher that is not heard of is replaced. */
const pauseMs = 36_000;

/** For some seconds, every call meets the same. */
const storms: FaultInput[][] = [
  [{ fault: 'throttle' }],
  [{ fault: 'server-error', status: 503 }],
  [{ fault: 'server-error', when: 'after', probability: 0.7 }],
  [{ fault: 'lost-response', probability: 0.7 }],
  [{ fault: 'expired-credentials' }],
  [{ fault: 'slow', seconds: 2 }],
  [{ fault: 'capacity' }, { fault: 'throttle', probability: 0.5 }],
];

/** Two workers that are killed, ended, stopped and started again, under storms, until all is over or enough was killed. */
export async function makeChaos(stage: CloudStage, options: ChaosOptions): Promise<Chaos> {
  const { random, isOver } = options;
  const chaos: Chaos = {
    counts: { killed: 0, terminated: 0, paused: 0, storms: 0 },
    workers: [],
    names: new Map(),
    killed: new Set(),
  };
  let count = 0;
  const start = async () => {
    const name = `worker-${(count += 1)}`;
    const worker = await stage.startWorker({ ...options.workerEnv, AWS_SDK_UA_APP_ID: name });
    chaos.workers.push(worker);
    chaos.names.set(worker, name);
    return worker;
  };
  const slots = await Promise.all(Array.from({ length: workersAtOnce }, start));
  let paused: number | null = null;
  const underWay: Promise<void>[] = [];

  const end = async (slot: number, how: 'kill' | 'stop') => {
    const worker = slots[slot]!;
    if (how === 'kill') chaos.killed.add(chaos.names.get(worker)!);
    await worker[how]();
    chaos.counts[how === 'kill' ? 'killed' : 'terminated'] += 1;
    if (random() < 0.4) await sleep(random() * 2000);
    slots[slot] = await start();
  };
  const pause = async (slot: number) => {
    const { pid } = slots[slot]!;
    paused = slot;
    process.kill(pid, 'SIGSTOP');
    await sleep(pauseMs);
    process.kill(pid, 'SIGCONT');
    chaos.counts.paused += 1;
    paused = null;
  };
  const storm = async () => {
    const { faults } = stage.emulator.emulator;
    for (const fault of storms[Math.floor(random() * storms.length)]!) faults.add(fault);
    chaos.counts.storms += 1;
    await sleep(1000 + random() * 4000);
    faults.clear();
    for (const fault of steadyFaults) faults.add(fault);
  };
  const killed = () => chaos.counts.killed + chaos.counts.terminated;

  while (!isOver() && killed() < options.kills) {
    const next = killed() / options.kills;
    while (!isOver() && options.progress() < next) await sleep(100);
    await sleep(1000 + random() * 5000);
    const [dice, slot] = [random(), random() < 0.5 ? 0 : 1];
    if (random() < 0.25) await storm();
    if (paused === slot) continue;
    if (dice < 0.5) await end(slot, 'kill');
    else if (dice < 0.7) await end(slot, 'stop');
    else if (dice < 0.85 && paused === null) await Promise.all([end(0, 'kill'), end(1, 'kill')]);
    else if (paused === null) underWay.push(pause(slot));
  }
  await Promise.all(underWay);
  return chaos;
}
