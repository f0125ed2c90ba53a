/** What a notification says. */
export interface Notification {
  /** The same for every delivery of one event, so that a receiver can drop repetitions. */
  deduplicationKey: string;
  pipeline: string;
  workflowId: string;
  runId: string;
  /** A failure code of Sluice. */
  code: string;
  message: string;
  metric: { name: string; value: number | null; comparison: string; threshold: number } | null;
}

export interface Notifier {
  /** Tells one target. @throws SluiceError `ServiceUnavailable` when it didn't take it and may later, `InvalidInput` when it never will. */
  notify(target: { webhook: string }, notification: Notification, signal: AbortSignal): Promise<void>;
}
