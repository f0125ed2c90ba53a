/** What was looked at, and how it is. */
export interface Check {
  what: string;
  /** `note`: a fact that is no fault. `warning`: runs go on, with less. `failure`: something does not work. */
  state: 'ok' | 'note' | 'warning' | 'failure';
  said: string;
  /** What to do about it. */
  todo?: string;
}

export function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
