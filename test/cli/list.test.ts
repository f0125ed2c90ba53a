import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryOf } from '../../src/cli/list/query.ts';
import { searchAttributes } from '../../src/core/run.ts';
import { makeFolder } from '../images/fixtures/python.ts';
import { sluice } from '../support/commands.ts';
import { startServer, type Server } from '../support/stack.ts';
import { until } from '../support/until.ts';

const now = new Date('2026-11-28T12:00:00Z');

describe('a filter', () => {
  it.each([
    [{}, 'WorkflowType = "trainingPipeline"'],
    [{ pipeline: 'a"b\\' }, 'SluicePipeline = "a\\"b\\\\"'],
    [{ mode: 'sagemaker' }, 'SluiceExecutionMode = "sagemaker"'],
    [{ outcome: ['rejected' as const] }, '(SluiceOutcome = "rejected")'],
    [{ metric: ['> 6', '≤7.5'] }, 'SluiceMetricValue > 6 AND SluiceMetricValue <= 7.5'],
    [{ metric: ['<-0.5e-3'] }, 'SluiceMetricValue < -0.0005'],
    [{ since: '36h' }, 'StartTime >= "2026-11-27T00:00:00.000Z"'],
    [
      { since: '2026-11-01', until: '2026-11-02' },
      'StartTime >= "2026-11-01T00:00:00.000Z" AND StartTime <= "2026-11-02T23:59:59.000Z"',
    ],
    [{ query: 'A = 1 OR B = 2' }, '(A = 1 OR B = 2)'],
  ])('%j asks for it in the words of Temporal', (filter, expected) => {
    const query = queryOf(filter, now);
    const common = 'WorkflowType = "trainingPipeline"';
    expect(query).toBe(expected === common ? common : `${common} AND ${expected}`);
  });

  it.each([
    [{ metric: ['6'] }, /--metric takes a comparison with a number, as in '> 6'/],
    [{ metric: ['> many'] }, /--metric takes a comparison/],
    [{ metric: ['> Infinity'] }, /--metric takes a comparison/],
    [{ since: 'this month' }, /--since takes a time before now \(30d, 12h\), a day/],
    [{ until: '2026-13-01' }, /--until takes a day/],
  ])('%j is refused', (filter, message) => {
    expect(() => queryOf(filter, now)).toThrow(message);
  });
});

const keys = {
  pipeline: defineSearchAttributeKey(searchAttributes.pipeline, SearchAttributeType.KEYWORD),
  mode: defineSearchAttributeKey(searchAttributes.executionMode, SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey(searchAttributes.outcome, SearchAttributeType.KEYWORD),
  metric: defineSearchAttributeKey(searchAttributes.metricValue, SearchAttributeType.DOUBLE),
};

describe('sluice list', () => {
  const root = makeFolder();
  let server: Server;
  let client: Client;
  const env = () => ({ TEMPORAL_ADDRESS: server.address, SLUICE_ROOT: root });

  /** A run as a worker would have left it: it tells what it is by its search attributes. */
  const start = async (id: string, mode: string, outcome: string, metric: number, pipeline = 'abalone') => {
    const pairs = [
      { key: keys.pipeline, value: pipeline },
      { key: keys.mode, value: mode },
      { key: keys.outcome, value: outcome },
      { key: keys.metric, value: metric },
    ];
    await client.workflow.start('trainingPipeline', {
      taskQueue: 'nobody',
      workflowId: id,
      typedSearchAttributes: new TypedSearchAttributes(pairs),
    });
  };
  beforeAll(async () => {
    server = await startServer({ dbFile: join(root, 'temporal.db') });
    client = new Client({ connection: await Connection.connect({ address: server.address }) });
    await start('small', 'local', 'running', 4.4);
    await start('large-online', 'sagemaker', 'running', 6.3);
    await start('large-local', 'local', 'running', 6.4);
    await start('larger-online', 'sagemaker', 'running', 7.25, 'fraud');
    await client.workflow.start('otherWorkflow', { taskQueue: 'nobody', workflowId: randomUUID() });
    await client.workflow.getHandle('large-local').terminate();
    await until(async () => (await list()).length === 4);
    await until(async () => (await list('--outcome', 'failed')).length === 1);
  });
  afterAll(async () => {
    await client.connection.close();
    await server.stop();
  });

  const list = async (...options: string[]) => {
    const ended = await sluice(['list', '--json', ...options], env());
    expect(ended.code, ended.stderr).toBe(0);
    return JSON.parse(ended.stdout) as { workflowId: string }[];
  };
  const ids = async (...options: string[]) =>
    (await list(...options)).map(({ workflowId }) => workflowId).sort();

  it('finds "MSE above 6 this month in mode sagemaker", and everything else by its filters', async () => {
    expect(await ids('--mode', 'sagemaker', '--metric', '> 6', '--since', '30d')).toEqual([
      'large-online',
      'larger-online',
    ]);
    expect(await ids('--metric', '> 6', '<= 6.4')).toEqual(['large-local', 'large-online']);
    expect(await ids('--pipeline', 'fraud')).toEqual(['larger-online']);
    expect(await ids('--outcome', 'failed', 'canceled')).toEqual(['large-local']);
    expect(await ids('--outcome', 'running', '--mode', 'local')).toEqual(['small']);
    expect(await ids('--until', '1h')).toEqual([]);
    expect(await ids('--query', 'WorkflowId STARTS_WITH "larg"', '--pipeline', 'abalone')).toHaveLength(2);
  });

  it('tells of each what it came to', async () => {
    const [run] = await list('--outcome', 'failed');
    expect(run).toEqual({
      workflowId: 'large-local',
      runId: expect.any(String),
      pipeline: 'abalone',
      executionMode: 'local',
      outcome: 'failed',
      status: 'TERMINATED',
      metric: 6.4,
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      closedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      seconds: expect.any(Number),
      page: null,
    });
  });

  it('shows a table, as long as it was asked for', async () => {
    const all = await sluice(['list', '--pipeline', 'abalone'], env());
    expect(all.stdout).toMatch(/^RUN +PIPELINE +MODE +OUTCOME +METRIC +STARTED +SECONDS\n/);
    expect(all.stdout).toMatch(/^small +abalone +local +running +4\.4 +\d{4}-\S+Z +-$/m);
    const two = await sluice(['list', '--limit', '2'], env());
    expect(two.stdout.trim().split('\n')).toHaveLength(3);
    expect(two.stderr).toBe('These are the first 2; --limit shows more, and filters make them fewer\n');
    expect((await sluice(['list', '--pipeline', 'none'], env())).stdout).toBe('No run is so\n');
  });

  it('says what is wrong with a query', async () => {
    const wrong = await sluice(['list', '--query', 'Colour = "red"'], env());
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(
      /The Temporal server does not understand the query \(.*Colour.*\): Workflow/,
    );
    const choice = await sluice(['list', '--outcome', 'good'], env());
    expect([choice.code, choice.stderr]).toEqual([
      2,
      expect.stringContaining('Allowed choices are accepted'),
    ]);
  });

  it('finds runs without search attributes, and says how to get them', async () => {
    const bare = await startServer({ dbFile: join(root, 'bare.db'), searchAttributes: false });
    const settings = { TEMPORAL_ADDRESS: bare.address, SLUICE_ROOT: root };
    const other = new Client({ connection: await Connection.connect({ address: bare.address }) });
    await other.workflow.start('trainingPipeline', { taskQueue: 'nobody', workflowId: 'bare' });
    await until(async () =>
      (await sluice(['list'], settings)).stdout.includes('bare  -         -     running'),
    );
    const filtered = await sluice(['list', '--mode', 'local'], settings);
    expect(filtered.code).toBe(2);
    expect(filtered.stderr).toContain('The namespace default lacks the search attributes SluicePipeline,');
    await other.connection.close();
    await bare.stop();
  });

  it('needs no server where none has ever run', async () => {
    const settings = { SLUICE_ROOT: join(root, 'new'), TEMPORAL_ADDRESS: '', XDG_CONFIG_HOME: root };
    expect(await sluice(['list', '--json'], settings)).toMatchObject({ code: 0, stdout: '[]\n' });
    expect((await sluice(['list'], settings)).stdout).toMatch(/^There is no run yet: no server has run for /);
  });
});
