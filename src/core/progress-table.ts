import { comparisons } from './gate.ts';
import { waitingFor } from './instance-slots.ts';
import { billing, remoteStatus, type RemoteJob } from './remote-job.ts';
import type { RunReport, StepReport } from './run.ts';

const marks: Record<StepReport['status'], string> = {
  pending: '·',
  waiting: '⧗',
  running: '▶',
  succeeded: '✓',
  failed: '✗',
  canceled: '■',
  skipped: '–',
};

/** The report as Markdown, for the "current details" of the Web UI. */
export function progressTable(report: RunReport): string {
  const paragraphs = [
    `**${report.pipeline ?? 'pipeline'}** (${report.executionMode ?? '?'}): **${report.outcome}**`,
    ['| step | state | engine | seconds |', '| --- | --- | --- | --- |', ...report.steps.map(row)].join('\n'),
    ...gate(report),
    ...results(report),
    ...(report.notes ?? []).map((note) => `Note: ${verbatim(note)}`),
  ];
  if (report.failure) {
    paragraphs.push(`Failure: ${verbatim(report.failure.code)}`, block(report.failure.message));
  }
  paragraphs.push(...jobs(report));
  return paragraphs.join('\n\n');
}

function row({ name, status, engine, seconds, waitsFor }: StepReport): string {
  const what = status === 'waiting' && waitsFor ? ` ${waitingFor(waitsFor)}` : '';
  const cells = [name, `${marks[status]} ${status}${what}`, engine, seconds?.toFixed(1)];
  return `| ${cells.map((cell) => inCell(cell ?? '')).join(' | ')} |`;
}

/** Not in the table, which is too narrow for their names. */
function jobs({ steps }: RunReport): string[] {
  const lines = steps.flatMap(({ name, jobName, remote }) =>
    jobName ? [`- ${name}: ${remote ? remoteJob(jobName, remote) : verbatim(jobName)}`] : [],
  );
  return lines.length === 0 ? [] : [`Jobs:\n\n${lines.join('\n')}`];
}

/** Its page in the AWS console, what SageMaker says of it, and its ARN. */
function remoteJob(name: string, remote: RemoteJob): string {
  const { consoleUrl, arn } = remote;
  const link = consoleUrl === null ? verbatim(name) : `[${verbatim(name)}](${consoleUrl})`;
  const facts = [remoteStatus(remote), billing(remote)].filter((fact) => fact !== '');
  return [link, ...facts, ...(arn === null ? [] : [verbatim(arn)])].join(', ');
}

/** Readers of Markdown differ in how a bar is escaped. */
const inCell = (text: string) => text.replace(/\s+/g, ' ').replaceAll('|', '¦');

function gate({ metric }: RunReport): string[] {
  if (!metric) return [];
  const { name, value, comparison, threshold } = metric;
  const accepted = `accepted if ${comparisons[comparison].symbol} ${threshold}`;
  return [`Gate: ${verbatim(name)} = **${value ?? 'unreadable'}** (${accepted})`];
}

function results({ model, transform, modelPackage }: RunReport): string[] {
  const lines: string[] = [];
  if (model) lines.push(`Model: ${verbatim(model)}`);
  if (transform) {
    lines.push(`Predictions: ${verbatim(transform.output)} (${transform.records ?? '?'} records)`);
  }
  if (modelPackage) {
    const { group, version, approvalStatus } = modelPackage;
    lines.push(`Model package: ${group}, version ${version} (${approvalStatus})`);
  }
  return lines;
}

/** A code span that its own text cannot end: fenced by more backticks than it has in a row, on one line. */
function verbatim(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest > 0 ? ' ' : '';
  return `${fence}${pad}${text.replace(/\s+/g, ' ')}${pad}${fence}`;
}

/** Every line indented, so that nothing in it is Markdown. */
function block(text: string): string {
  return text
    .split(/\r\n|[\n\r]/)
    .map((line) => `    ${line}`)
    .join('\n');
}
