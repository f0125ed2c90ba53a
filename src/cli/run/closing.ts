import { billing, remoteStatus } from '../../core/remote-job.ts';
import type { RunReport } from '../../core/run.ts';
import { gateLine } from './view.ts';

/** What a person wants to know at the end: the outcome, why, and where the results are. */
export function closingLines(report: RunReport, page: string | null): string[] {
  const { outcome, failure, transform, modelPackage, model } = report;
  const measured = typeof report.metric?.value === 'number';
  const lines = [`Outcome: ${outcome}${measured ? `, ${gateLine(report)}` : ''}`];
  if (failure) lines.push(`${failure.code}: ${failure.message}`);
  if (model) lines.push(`Model: ${model}`);
  if (transform) lines.push(`Predictions: ${transform.output} (${transform.records ?? '?'} records)`);
  if (modelPackage) {
    const { group, version, approvalStatus } = modelPackage;
    lines.push(`Model package: ${group}, version ${version} (${approvalStatus})`);
  }
  lines.push(...remoteLines(report));
  for (const note of report.notes ?? []) lines.push(`Note: ${note}`);
  if (page !== null) lines.push(`Web UI: ${page}`);
  return lines;
}

/** Of each job of SageMaker: what it came to, and where it is in the AWS console. */
function remoteLines({ steps }: RunReport): string[] {
  return steps.flatMap(({ name, jobName, remote }) => {
    if (!remote) return [];
    const facts = [remoteStatus(remote), billing(remote), remote.arn ?? jobName ?? ''];
    const line = `${name}: ${facts.filter((fact) => fact !== '').join(', ')}`;
    return remote.consoleUrl === null ? [line] : [line, `  ${remote.consoleUrl}`];
  });
}
