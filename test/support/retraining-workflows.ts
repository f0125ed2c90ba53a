import { condition, defineSignal, setHandler } from '@temporalio/workflow';

export { retraining } from '../../src/workflows/retraining.ts';

const end = defineSignal('end');

/** Stands for a run: it lives until it is ended. */
export async function trainingPipeline(): Promise<{ outcome: string }> {
  let over = false;
  setHandler(end, () => void (over = true));
  await condition(() => over);
  return { outcome: 'accepted' };
}
