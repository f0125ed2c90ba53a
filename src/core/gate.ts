import { excerpt } from './wording.ts';

/** What the evaluation report says of one metric, or why it says nothing. */
export type Reading = { kind: 'value'; value: number } | { kind: 'unreadable'; reason: string };

export const comparisons = {
  lessThan: { symbol: '<', holds: (value: number, threshold: number) => value < threshold },
  lessThanOrEqualTo: { symbol: '≤', holds: (value: number, threshold: number) => value <= threshold },
  greaterThan: { symbol: '>', holds: (value: number, threshold: number) => value > threshold },
  greaterThanOrEqualTo: { symbol: '≥', holds: (value: number, threshold: number) => value >= threshold },
} as const;

export type Comparison = keyof typeof comparisons;

export interface Rule {
  /** Dotted path into the report, for messages. */
  metric: string;
  comparison: Comparison;
  threshold: number;
}

export type Decision =
  | { kind: 'accepted'; value: number }
  | { kind: 'rejected'; value: number }
  | { kind: 'undecidable'; reason: string };

/** Fails closed: only a finite metric under a finite threshold decides anything. */
export function decide(reading: Reading, rule: Rule): Decision {
  if (reading.kind === 'unreadable') return { kind: 'undecidable', reason: reading.reason };
  if (typeof reading.value !== 'number' || !Number.isFinite(reading.value)) {
    return {
      kind: 'undecidable',
      reason: `${rule.metric} is ${excerpt(reading.value)}, not a finite number`,
    };
  }
  if (typeof rule.threshold !== 'number' || !Number.isFinite(rule.threshold)) {
    return {
      kind: 'undecidable',
      reason: `the threshold is ${excerpt(rule.threshold)}, not a finite number`,
    };
  }
  const holds = comparisons[rule.comparison].holds(reading.value, rule.threshold);
  return { kind: holds ? 'accepted' : 'rejected', value: reading.value };
}

/** `mse 4.52 ≤ 7`, with the comparison that was asked for, whether it held or not. */
export function describeRule(rule: Rule, value?: number): string {
  return [rule.metric, value, comparisons[rule.comparison].symbol, rule.threshold]
    .filter((part) => part !== undefined)
    .join(' ');
}
