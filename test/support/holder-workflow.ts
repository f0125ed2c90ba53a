import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { slotSignals } from '../../src/core/instance-slots.ts';

export { instanceSlots } from '../../src/workflows/instance-slots.ts';

const granted = defineSignal<[string]>(slotSignals.granted);
const end = defineSignal('end');

/** Stands for a run: it is told that it may, and lives until it is ended. @returns how often it was told. */
export async function holder(): Promise<number> {
  let told = 0;
  let over = false;
  setHandler(granted, () => void (told += 1));
  setHandler(end, () => void (over = true));
  await condition(() => over);
  return told;
}
