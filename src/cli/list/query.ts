import { parseTime } from '../../core/format-time.ts';
import { searchAttributes, workflowType } from '../../core/run.ts';
import { usageError } from '../errors.ts';
import { parseDuration, parseMoment } from '../schedule/words.ts';

export const outcomes = ['accepted', 'rejected', 'failed', 'canceled', 'running'] as const;

/** What runs are looked for by. All of it must hold. */
export interface RunFilter {
  pipeline?: string;
  mode?: string;
  /** One of them. */
  outcome?: (typeof outcomes)[number][];
  /** Comparisons with the metric at the gate: `> 6`. */
  metric?: string[];
  /** When they began: a duration before now, a day or a time. */
  since?: string;
  until?: string;
  /** More, in Temporal's own words. */
  query?: string;
}

/** The visibility query that finds them. @throws a usage error for what is no filter. */
export function queryOf(filter: RunFilter, now: Date): string {
  const { pipeline, mode, outcome, metric = [], since, until, query } = filter;
  const { pipeline: pipelineName, executionMode, metricValue } = searchAttributes;
  return [
    `WorkflowType = ${text(workflowType)}`,
    ...(pipeline === undefined ? [] : [`${pipelineName} = ${text(pipeline)}`]),
    ...(mode === undefined ? [] : [`${executionMode} = ${text(mode)}`]),
    ...(outcome === undefined ? [] : [either(outcome.map(hasOutcome))]),
    ...metric.map((comparison) => `${metricValue} ${comparisonOf(comparison)}`),
    ...(since === undefined ? [] : [`StartTime >= ${text(moment('--since', since, now, false))}`]),
    ...(until === undefined ? [] : [`StartTime <= ${text(moment('--until', until, now, true))}`]),
    ...(query === undefined ? [] : [`(${query})`]),
  ].join(' AND ');
}

const text = (value: string) => `"${value.replace(/[\\"]/g, '\\$&')}"`;
const either = (conditions: readonly string[]) => `(${conditions.join(' OR ')})`;

/** A run that was terminated, or timed out, could not say how it ended. */
function hasOutcome(outcome: (typeof outcomes)[number]): string {
  if (outcome === 'running') return 'CloseTime IS NULL';
  const said = `${searchAttributes.outcome} = ${text(outcome)}`;
  return outcome === 'failed' ? `${said} OR ExecutionStatus IN ("Terminated", "TimedOut")` : said;
}

const symbols: Readonly<Record<string, string>> = { '≤': '<=', '≥': '>=', '==': '=', '≠': '!=' };

function comparisonOf(given: string): string {
  const [, symbol, number] = /^\s*(<=|>=|!=|==|[<>=≤≥≠])\s*(\S+)\s*$/.exec(given) ?? [];
  if (symbol === undefined || number === undefined || !Number.isFinite(Number(number)))
    throw usageError(
      `--metric takes a comparison with a number, as in '> 6' or '<= 0.5', not ${JSON.stringify(given)}`,
    );
  return `${symbols[symbol] ?? symbol} ${Number(number)}`;
}

function moment(option: string, given: string, now: Date, dayEnds: boolean): string {
  if (/^[\d.]+[smhd]$/.test(given))
    return new Date(now.getTime() - parseDuration(option, given)).toISOString();
  if (/^\d{4}-\d\d-\d\d$/.test(given) || parseTime(given) !== null)
    return parseMoment(option, given, dayEnds).toISOString();
  throw usageError(
    `${option} takes a time before now (30d, 12h), a day (2026-11-26) or a time (2026-11-26T03:00:00Z), not ${JSON.stringify(given)}`,
  );
}
