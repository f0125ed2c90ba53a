import { appendFile, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import { projectFolder } from '../../src/config.ts';
import { searchAttributes, type RunReport } from '../../src/core/run.ts';
import { browser, lookAt, withPage } from '../support/browser.ts';
import { describeCompose, openComposeStack, type ComposeStack } from '../support/compose.ts';
import { dockerDo, listContainers } from '../support/docker.ts';
import { until } from '../support/until.ts';

const minutes = (count: number) => count * 60_000;
const output = join(projectFolder, 'test-output', 'compose');
const abalone = 'examples/abalone/pipeline.json';
const doctorFile = join(output, 'doctor.txt');
/** What the doctor says in a worker's container, kept for people. */
async function askDoctor(stack: ComposeStack, worker: string, settings: string[] = []) {
  const finished = await stack.sluice(worker, ['doctor'], settings);
  const title = [worker, ...settings].join(' ');
  await mkdir(output, { recursive: true });
  await appendFile(doctorFile, `== ${title}: exit code ${finished.code}\n${finished.stdout}\n`);
  const failed = finished.stdout.split('\n').filter((line) => line.startsWith('failure'));
  return { code: finished.code, failed };
}
const healthy = { code: 0, failed: [] };

/** The commands of the docs that begin so. */
async function blockOf(beginning: string): Promise<string> {
  const text = await readFile(join(projectFolder, 'docs', 'operating.md'), 'utf8');
  const blocks = [...text.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
  return blocks.find((block) => block.startsWith(beginning))!;
}

const enginesOf = ({ steps }: RunReport) => [
  ...new Set(steps.flatMap(({ engine }) => (engine === null ? [] : [engine]))),
];

describeCompose('the stack of docker-compose.yml', () => {
  let stack: ComposeStack;
  beforeAll(async () => {
    await rm(doctorFile, { force: true });
    stack = await openComposeStack({
      file: 'docker-compose.yml',
      name: 'sluice-test-compose',
      profile: 'containers',
    });
    await stack.compose('build');
    await stack.compose('up', '--detach', '--wait', '--wait-timeout', '600');
  }, minutes(20));
  afterAll(async () => {
    await mkdir(output, { recursive: true });
    await writeFile(join(output, 'log.txt'), await stack.compose('--profile', '*', 'logs', '--no-color'));
    await stack.close();
    expect(await listContainers('com.docker.compose.project=sluice-test-compose')).toEqual([]);
  }, minutes(3));

  it('publishes nothing beyond this machine', async () => {
    const containers = await listContainers('com.docker.compose.project=sluice-test-compose');
    const ports = (containers as unknown as { Ports: { IP?: string; PublicPort?: number }[] }[])
      .flatMap(({ Ports }) => Ports)
      .filter(({ PublicPort }) => PublicPort !== undefined);
    expect(ports.map(({ IP }) => IP)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
  });

  it('runs as somebody who is not root, with the native library of this system alone', async () => {
    expect(await stack.compose('exec', '-T', 'worker', 'id', '-u')).toBe('10001\n');
    const targets = await stack.compose(
      ...['exec', '-T', 'worker', 'ls', '/opt/sluice/node_modules/@temporalio/core-bridge/releases'],
    );
    expect(targets).toMatch(/^\w+-unknown-linux-gnu\n$/);
  });

  it(
    'accepts the example, started by the Temporal CLI, in containers',
    { timeout: minutes(10) },
    async () => {
      await stack.start('first', { pipeline: abalone });
      const report = await stack.report('first');
      expect(report.outcome).toBe('accepted');
      expect(enginesOf(report)).toEqual(['container']);
      // The server's list is a little behind its runs.
      await until(async () =>
        (
          await stack.temporal(
            ...['workflow', 'list', '--query', 'SluicePipeline = "abalone" AND SluiceOutcome = "accepted"'],
            ...['--output', 'json'],
          )
        ).includes('"first"'),
      );
    },
  );

  it.each<[string, string[], string[]]>([
    ['nothing', [], []],
    ['a server that is not there', ['TEMPORAL_ADDRESS=temporal:1'], ['Temporal server']],
    ['a namespace that is not there', ['TEMPORAL_NAMESPACE=ml'], ['namespace']],
    [
      'a queue without workers',
      ['SLUICE_TASK_QUEUE=other'],
      ['workers', 'workers for local runs', 'jobs of this home'],
    ],
    ['an engine that is not there', ['DOCKER_HOST=unix:///nowhere.sock'], ['container engine']],
  ])('has %s that `sluice doctor` finds', { timeout: minutes(2) }, async (_what, settings, found) => {
    const { code, failed } = await askDoctor(stack, 'worker', settings);
    expect(failed.map((line) => line.replace(/^failure +/, '').split('  ')[0])).toEqual(found);
    expect(code).toBe(found.length === 0 ? 0 : 1);
  });

  it('shows it in the Web UI', { timeout: minutes(5) }, async ({ skip }) => {
    if (browser === undefined) return skip('no Chromium on this machine (set CHROMIUM_PATH)');
    await mkdir(output, { recursive: true });
    await withPage(browser, async (tab) => {
      // The list as somebody has it who looks for runs by what came of them.
      const columns = ['Status', 'Workflow ID', 'Start', ...Object.values(searchAttributes)];
      const setting = JSON.stringify({ default: columns.map((label) => ({ label })) });
      await tab.addInitScript(
        `localStorage.setItem('namespace-workflow-table-columns', ${JSON.stringify(setting)})`,
      );
      const look = async (page: string, name: string, expected: string) => {
        const url = `${stack.uiUrl}/namespaces/default/${page}`;
        expect(await lookAt(tab, url, join(output, `${name}.png`), expected)).toContain(expected);
      };
      await look(`workflows?query=${encodeURIComponent('SluiceOutcome="accepted"')}`, 'list', '4.36');
      const runId = await stack.runIdOf('first');
      await look(`workflows/first/${runId}/timeline`, 'timeline', 'registerModel');
      await look(`workflows/first/${runId}/user-metadata`, 'table', 'version 1');
    });
    if (process.env.SLUICE_UPDATE_SCREENSHOTS === '1')
      await copyFile(join(output, 'list.png'), join(projectFolder, 'docs', 'images', 'compose-runs.png'));
  });

  it('reads inputs from its store', { timeout: minutes(10) }, async () => {
    for (const [name, value] of Object.entries(stack.s3)) vi.stubEnv(name, value);
    const data = await readFile(join(projectFolder, 'examples/abalone/data/abalone.csv'));
    await createS3().put({ bucket: 'sluice', key: 'raw/abalone.csv' }, data, {});
    await stack.start('from-store', {
      pipeline: abalone,
      parameters: { inputData: 's3://sluice/raw/abalone.csv' },
    });
    expect((await stack.report('from-store')).outcome).toBe('accepted');
  });

  it('goes on with its jobs when the worker is restarted in mid-run', { timeout: minutes(10) }, async () => {
    const script = join(stack.project, 'examples/abalone/code/train.py');
    await writeFile(script, `import time\ntime.sleep(30)\n${await readFile(script, 'utf8')}`);
    await stack.start('restarted', { pipeline: abalone });
    const training = async () =>
      (await listContainers('sluice.job')).find(
        ({ Names: [name], State }) => name?.startsWith('/abalone-train-') && State === 'running',
      );
    await until(async () => (await training()) !== undefined, 300);
    const { Id } = (await training())!;
    const startOf = async () =>
      ((await dockerDo('GET', `/containers/${Id}/json`)).json() as { State: { StartedAt: string } }).State
        .StartedAt;
    const before = await startOf();
    await stack.compose('restart', 'worker');
    expect(await startOf()).toBe(before);
    const report = await stack.report('restarted');
    expect(report.outcome).toBe('accepted');
    expect(await stack.compose('logs', 'worker')).toContain('worker stops; its jobs go on for the next one');
  });

  it('keeps everything when it is taken down and brought up again', { timeout: minutes(10) }, async () => {
    await stack.compose('down');
    await stack.compose('up', '--detach', '--wait', '--wait-timeout', '600');
    expect((await stack.report('first')).outcome).toBe('accepted');
    const models = await stack.compose('exec', '-T', 'worker', 'sluice', 'models', 'list', '--json');
    // One of each run until here.
    expect(JSON.parse(models)).toHaveLength(3);
  });

  it('comes back from copies of its database and its volumes', { timeout: minutes(10) }, async () => {
    await stack.shell(await blockOf('docker compose exec -T postgres pg_dumpall'));
    await stack.compose('down', '--volumes');
    await stack.shell(await blockOf('docker compose down\n'));
    const listed = await stack.sluice('worker', ['list', '--outcome', 'accepted', '--json']);
    expect(listed.stdout).toContain('"restarted"');
    expect((await stack.report('first')).outcome).toBe('accepted');
    const models = await stack.sluice('worker', ['models', 'list', '--json']);
    expect(JSON.parse(models.stdout)).toHaveLength(3);
    await stack.start('after-the-copy', { pipeline: abalone });
    expect((await stack.report('after-the-copy')).outcome).toBe('accepted');
    // Not before: a server that has just begun, in the place of another one, may have heard of no worker yet.
    expect(await askDoctor(stack, 'worker')).toEqual(healthy);
  });

  it('runs jobs without the socket in the profile `processes`', { timeout: minutes(15) }, async () => {
    await stack.compose('stop', 'worker');
    await stack.compose(
      ...['--profile', 'processes', 'up', '--detach', '--wait', '--wait-timeout', '600', 'worker-process'],
    );
    await stack.start('processes', { pipeline: abalone });
    const report = await stack.report('processes');
    expect(report.outcome).toBe('accepted');
    expect(enginesOf(report)).toEqual(['process']);
    const looked = stack.compose('exec', '-T', 'worker-process', 'ls', '/var/run/docker.sock');
    await expect(looked).rejects.toThrow('No such file');
    expect(await askDoctor(stack, 'worker-process')).toEqual(healthy);
  });

  it(
    'and such jobs are lost when their container is restarted, which is told',
    { timeout: minutes(10) },
    async () => {
      await stack.start('lost', { pipeline: abalone });
      const runId = await stack.runIdOf('lost');
      const started = `/var/lib/sluice/jobs/abalone-train-${runId.replaceAll('-', '')}/started.json`;
      const look = () => stack.compose('exec', '-T', 'worker-process', 'test', '-e', started);
      await until(
        () =>
          look().then(
            () => true,
            () => false,
          ),
        300,
      );
      await stack.compose('restart', 'worker-process');
      await expect(stack.report('lost')).rejects.toThrow('JobLost');
    },
  );
});

describeCompose('the stack of compose.dev.yml', () => {
  it('accepts the example', { timeout: minutes(15) }, async () => {
    const stack = await openComposeStack({
      file: 'compose.dev.yml',
      name: 'sluice-test-dev',
      profile: 'containers',
    });
    try {
      await stack.compose('up', '--detach', '--wait', '--wait-timeout', '600');
      await stack.start('first', { pipeline: abalone });
      expect((await stack.report('first')).outcome).toBe('accepted');
      expect(await askDoctor(stack, 'worker')).toEqual(healthy);
    } finally {
      await stack.close();
    }
  });
});
