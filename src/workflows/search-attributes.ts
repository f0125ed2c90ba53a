import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import { searchAttributes, type RunReport } from '../core/run.ts';

const keys = {
  pipeline: defineSearchAttributeKey(searchAttributes.pipeline, SearchAttributeType.KEYWORD),
  executionMode: defineSearchAttributeKey(searchAttributes.executionMode, SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey(searchAttributes.outcome, SearchAttributeType.KEYWORD),
  metricValue: defineSearchAttributeKey(searchAttributes.metricValue, SearchAttributeType.DOUBLE),
};

/** Sets what runs are found by. The attributes must be registered, or the workflow task fails for ever. */
export function indexRun(report: RunReport): void {
  const value = report.metric?.value;
  upsertSearchAttributes([
    { key: keys.pipeline, value: report.pipeline },
    { key: keys.executionMode, value: report.executionMode },
    { key: keys.outcome, value: report.outcome },
    // For the same reason only a finite number is set.
    ...(typeof value === 'number' && Number.isFinite(value) ? [{ key: keys.metricValue, value }] : []),
  ]);
}
