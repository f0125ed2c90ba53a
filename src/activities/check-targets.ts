import { SluiceError } from '../core/errors.ts';
import type { NotifyTarget } from '../core/notify-targets.ts';
import type { Dependencies } from './dependencies.ts';

export interface CheckTargetsInput {
  targets: readonly NotifyTarget[];
}

/** Whether this worker could tell them: a secret that is missing is found before it is needed. @throws SluiceError `InvalidInput`. */
export async function checkTargets(
  { notifier }: Pick<Dependencies, 'notifier'>,
  { targets }: CheckTargetsInput,
): Promise<void> {
  for (const [index, target] of targets.entries()) {
    try {
      await notifier.check(target);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      const { code, message, details } = error;
      throw new SluiceError(code, `steps.notify[${index}]: ${message}`, { details });
    }
  }
}
