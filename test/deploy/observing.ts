import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../src/config.ts';
import { metrics } from '../../src/core/metrics.ts';

export const observing = join(projectFolder, 'deploy', 'observing');
export const rules = readFileSync(join(observing, 'rules.yml'), 'utf8');

interface Panel {
  title: string;
  targets?: { expr: string }[];
}
const dashboard = JSON.parse(readFileSync(join(observing, 'dashboard.json'), 'utf8')) as { panels: Panel[] };

/** Every query of the dashboard, with the variables of Grafana set. */
export const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({
    title,
    expr: expr
      .replaceAll('$__rate_interval', '1m')
      .replaceAll('$__range', '1d')
      .replaceAll('$pipeline', '.*'),
  })),
);

/** The names that dashboard and rules have of series. */
export function namedMetrics(): string[] {
  const text = [rules.replace(/^ *(#|summary:|runbook:).*$/gm, ''), ...queries.map(({ expr }) => expr)].join(
    '\n',
  );
  return [...new Set(text.match(/\b(sluice|temporal)_[a-z0-9_]+/g))].sort();
}

/** The names that Prometheus has of the product's series. */
export const exposedMetrics: readonly string[] = Object.entries(metrics).flatMap(([name, { kind }]) => {
  if (kind === 'histogram') return ['_bucket', '_sum', '_count'].map((ending) => `${name}${ending}`);
  return kind === 'counter' ? [`${name}_total`] : [name];
});
