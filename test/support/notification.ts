import type { LinkedNotification } from '../../src/core/notification.ts';
import { notifyTarget, type NotifyTarget } from '../../src/core/notify-targets.ts';

export const notification: LinkedNotification = {
  event: 'rejected',
  deduplicationKey: 'run-1',
  pipeline: 'abalone',
  executionMode: 'local',
  workflowId: 'abalone-7',
  runId: 'run-1',
  code: 'QualityGateRejected',
  message: 'mse is 7, which is not ≤ 6',
  metric: { name: 'mse', value: 7, comparison: 'lessThanOrEqualTo', threshold: 6 },
  modelPackage: null,
  url: 'http://ui.example/namespaces/default/workflows/abalone-7/run-1',
};

/** As a pipeline file has it; an address that no file may have stays for the notifier to refuse. */
export function target(written: object): NotifyTarget {
  const parsed = notifyTarget.safeParse(written);
  return parsed.success ? parsed.data : { on: ['failed'], ...written };
}
