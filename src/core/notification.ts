import { comparisons } from './gate.ts';
import type { RunReport } from './run.ts';

export const notificationEvents = ['accepted', 'rejected', 'failed', 'recovered'] as const;
/** `recovered`: accepted, and the last run of the pipeline before it that came to an end of its own was not. */
export type NotificationEvent = (typeof notificationEvents)[number];

/** What the workflow knows of the end of a run. */
export interface Notification {
  event: NotificationEvent;
  /** The same for every delivery about one run, so that a receiver can drop repetitions. */
  deduplicationKey: string;
  pipeline: string;
  executionMode: string;
  workflowId: string;
  runId: string;
  /** A failure code of Sluice; null for a run that was accepted. */
  code: string | null;
  message: string;
  metric: RunReport['metric'];
  modelPackage: RunReport['modelPackage'];
}

/** What a target is sent. */
export interface LinkedNotification extends Notification {
  /** The page of the run in the Web UI; null where it isn't known. */
  url: string | null;
}

type Facts = Omit<LinkedNotification, 'deduplicationKey' | 'metric' | 'modelPackage'> &
  Record<'metric' | 'value' | 'comparison' | 'threshold' | 'modelPackage', string | number | null>;

function factsOf({ metric, modelPackage, ...others }: LinkedNotification): Facts {
  return {
    ...others,
    metric: metric?.name ?? null,
    value: metric?.value ?? null,
    comparison: metric && comparisons[metric.comparison].symbol,
    threshold: metric?.threshold ?? null,
    modelPackage: modelPackage && `${modelPackage.group}/${modelPackage.version}`,
  };
}

/** What a text of a pipeline file may have in braces. */
export const placeholders = [
  ...(['event', 'pipeline', 'executionMode', 'workflowId', 'runId', 'code', 'message'] as const),
  ...(['metric', 'value', 'comparison', 'threshold', 'modelPackage', 'url'] as const),
] satisfies (keyof Facts)[];

/** Names in braces that mean nothing. Other braces are text. */
export function unknownPlaceholders(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)]
    .map(([, name = '']) => name)
    .filter((name) => !(placeholders as readonly string[]).includes(name));
}

/** Puts the facts in, once: what a value has in braces stays. @param escape - of the values, never of the template. */
export function fillIn(
  template: string,
  notification: LinkedNotification,
  escape: (value: string) => string = (value) => value,
): string {
  const facts = factsOf(notification);
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    (placeholders as readonly string[]).includes(name)
      ? escape(String(facts[name as keyof Facts] ?? ''))
      : whole,
  );
}

export const defaultSubject = '[Sluice] {pipeline} {event}';

/** The text of a target without one of its own. */
export function defaultText({ code, url }: LinkedNotification): string {
  const lines = [
    `Sluice: pipeline {pipeline} ${code === null ? '{event}' : '{event} ({code})'}, run {workflowId}`,
  ];
  lines.push('{message}');
  if (url !== null) lines.push('{url}');
  return lines.join('\n');
}
