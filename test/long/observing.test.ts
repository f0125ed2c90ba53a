import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { metrics } from '../../src/core/metrics.ts';
import { command } from '../support/commands.ts';
import { folderPerTest } from '../support/folders.ts';
import { describePart, findProgram, missingPrograms } from '../support/real-parts.ts';
import { exposedMetrics, namedMetrics, observing, queries, rules } from '../deploy/observing.ts';

const folder = folderPerTest();
const tests = join(projectFolder, 'test', 'deploy', 'fixtures', 'rules.yml');
const operating = readFileSync(join(projectFolder, 'docs', 'operating.md'), 'utf8');
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);

describePart(
  'alert rules',
  'SLUICE_REQUIRE_PROMTOOL',
  missingPrograms('promtool'),
)('promtool', () => {
  const promtool = (...args: string[]) => command(findProgram('promtool')!, args);

  it('finds nothing wrong with the configuration and the rules that it names', async () => {
    const checked = await promtool('check', 'config', join(observing, 'prometheus.yml'));
    expect(checked.code, checked.stderr + checked.stdout).toBe(0);
    expect(checked.stdout).toContain(`${alerts.length + 5} rules found`);
  });

  it('sees each alert fire when it should, and only then', async () => {
    const tested = await promtool('test', 'rules', tests);
    expect(tested.code, tested.stderr + tested.stdout).toBe(0);
  });

  it('reads every query of the dashboard', async () => {
    const record = queries.map(({ expr }, index) => ({ record: `panel:${index}`, expr }));
    const file = join(folder(), 'queries.json');
    // JSON is YAML.
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: record }] }));
    const checked = await promtool('check', 'rules', file);
    expect(checked.code, checked.stderr + checked.stdout).toBe(0);
    expect(queries.length).toBeGreaterThan(20);
  });
});

describe('dashboard and alert rules', () => {
  it('name metrics of the product that there are', () => {
    expect(namedMetrics().filter((name) => name.startsWith('sluice_'))).toEqual(
      expect.arrayContaining(['sluice_runs_total', 'sluice_step_seconds_bucket']),
    );
    for (const name of namedMetrics().filter((one) => one.startsWith('sluice_')))
      expect(exposedMetrics).toContain(name);
  });

  it('leave out none of them', () => {
    for (const [name, { kind }] of Object.entries(metrics))
      expect(namedMetrics().join(' '), `${kind} ${name}`).toMatch(
        new RegExp(`\\b${name}(_total|_bucket)?\\b`),
      );
  });

  it('have a test of each alert', () => {
    const firing = readFileSync(tests, 'utf8').matchAll(/alertname: (\w+)\n +exp_alerts:\n/g);
    expect(new Set([...firing].map(([, name]) => name))).toEqual(new Set(alerts));
  });

  it('have a section of the runbook for each alert, in their order, and link to it', () => {
    const sections = operating.split(/^#{2,4} /m).filter((section) => section.startsWith('Sluice'));
    expect(sections.map((section) => section.split('\n', 1)[0])).toEqual(alerts);
    for (const section of sections) {
      expect(section).toMatch(/^- Means: \S/m);
      expect(section).toMatch(/^- Do: \S/m);
    }
    const links = [...rules.matchAll(/runbook: docs\/operating\.md#(\w+)/g)].map(([, anchor]) => anchor);
    expect(links).toEqual(alerts.map((name) => name.toLowerCase()));
  });
});

describe('the table of metrics in docs/operating.md', () => {
  it('has each metric with its labels, and no other', () => {
    const rows = [...operating.matchAll(/^\| `(sluice_\w+)` +\| (.*?) +\|/gm)].map(([, name, labels]) => [
      name,
      [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    ]);
    const exposed = Object.entries(metrics).map(([name, { kind, labels }]) => [
      kind === 'counter' ? `${name}_total` : name,
      [...labels],
    ]);
    expect(rows).toEqual(exposed);
  });
});
