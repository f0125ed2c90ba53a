import { comparisons } from './gate.ts';
import type { RunReport, StepReport } from './run.ts';

const marks: Record<StepReport['status'], string> = {
  pending: '·',
  running: '▶',
  succeeded: '✓',
  failed: '✗',
  canceled: '■',
  skipped: '–',
};

/** The report as Markdown, for the "current details" of the Web UI. */
export function progressTable(report: RunReport): string {
  const lines = [
    `**${report.pipeline ?? 'pipeline'}** (${report.executionMode ?? '?'}): **${report.outcome}**`,
    '',
    '| step | state | engine | seconds | job |',
    '| --- | --- | --- | --- | --- |',
    ...report.steps.map(
      (step) =>
        `| ${step.name} | ${marks[step.status]} ${step.status} | ${step.engine ?? ''} | ${step.seconds?.toFixed(1) ?? ''} | ${step.jobName ? `\`${step.jobName}\`` : ''} |`,
    ),
  ];
  if (report.metric) {
    const { name, value, comparison, threshold } = report.metric;
    lines.push(
      '',
      `Gate: \`${name}\` = **${value ?? 'unreadable'}** (accepted if ${comparisons[comparison].symbol} ${threshold})`,
    );
  }
  if (report.model) lines.push('', `Model: \`${report.model}\``);
  if (report.transform)
    lines.push(
      '',
      `Predictions: \`${report.transform.output}\` (${report.transform.records ?? '?'} records)`,
    );
  if (report.modelPackage) {
    const { group, version, approvalStatus } = report.modelPackage;
    lines.push('', `Model package: ${group}, version ${version} (${approvalStatus})`);
  }
  if (report.failure)
    lines.push(
      '',
      `Failure: **${report.failure.code}**`,
      '',
      ...report.failure.message.split('\n').map((line) => `    ${line}`),
    );
  return lines.join('\n');
}
