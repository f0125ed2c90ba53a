import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import type { Config } from '../src/config.ts';
import { createLogger, installTemporalLogger } from '../src/logger.ts';
import { folderPerTest } from './support/folders.ts';
import { until } from './support/until.ts';

const folder = folderPerTest();
const secret = 'T0PSECRET';
let fd = 0;

beforeEach(() => {
  fd = openSync(join(folder(), 'log'), 'w');
});
afterEach(() => closeSync(fd));

const text = () => readFileSync(join(folder(), 'log'), 'utf8');
const linesOf = (log: string) =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const lines = () => linesOf(text());
const create = (logFormat: Config['logFormat'] = 'json', logLevel: Config['logLevel'] = 'info') =>
  createLogger({ logFormat, logLevel }, fd);

describe('a line', () => {
  it('is one JSON object, with the time in ISO 8601', () => {
    const logger = create();
    logger.info({ step: 'train' }, 'first\nsecond');
    logger.warn('third');
    expect(lines()).toMatchObject([
      { level: 30, msg: 'first\nsecond', step: 'train', pid: process.pid },
      { level: 40, msg: 'third' },
    ]);
    expect(lines()[0]!.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(text().endsWith('\n')).toBe(true);
  });

  it('has an error with its message, stack and cause', () => {
    create().error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
    expect(lines()).toMatchObject([
      { err: { type: 'Error', message: expect.stringContaining('outer'), stack: expect.any(String) } },
    ]);
    expect(text()).toContain('inner');
  });

  it('is written from its level on', () => {
    const logger = create('json', 'warn');
    logger.info('not');
    logger.warn('written');
    expect(lines().map(({ msg }) => msg)).toEqual(['written']);
  });

  it('for people is no JSON and has the message, the fields and no process id', () => {
    create('pretty').info({ step: 'train', targets: [{ webhook: secret }] }, 'started');
    expect(text()).toMatch(/INFO.*started/);
    expect(text()).toContain('train');
    expect(text()).not.toContain(`pid`);
    expect(text()).not.toContain(secret);
  });
});

describe('hostile text', () => {
  const hostile = '\u001b[2J\u001b]0;title\u0007\rERROR: all is lost\n12:00:00 INFO: forged \u009b31m';

  it.each(['json', 'pretty'] as const)('drives no terminal and forges no line: %s', (format) => {
    create(format).warn({ step: hostile, list: [hostile], err: new Error(hostile) }, 'told');
    create(format).warn(hostile);
    expect(text()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(text()).not.toMatch(/^12:00:00 INFO: forged/m);
    expect(text()).toContain('ERROR: all is lost');
    if (format === 'json') expect(lines()).toMatchObject([{ msg: 'told' }, { level: 40 }]);
  });
});

describe('a secret', () => {
  it.each([
    ['the webhook of a target', { targets: [{ webhook: secret }, { webhook: secret }] }],
    ['the webhook of a pipeline', { input: { pipeline: { steps: { notify: [{ webhook: secret }] } } } }],
    ['a webhook', { webhook: secret }],
    ['a token', { token: secret, connection: { token: secret } }],
    ['an API key', { apiKey: secret, a: { b: { apiKey: secret } } }],
    ['a password', { user: { password: secret } }],
    ['a header', { request: { headers: { Authorization: secret } } }],
    ['a whole object', { token: { value: secret } }],
  ])('is redacted: %s', (_what, fields) => {
    create().info({ ...fields, kept: 'kept' }, 'sent');
    expect(text()).not.toContain(secret);
    expect(text()).toContain('[redacted]');
    expect(lines()).toMatchObject([{ kept: 'kept', msg: 'sent' }]);
  });

  it('is redacted in the fields of a child, and the fields themselves stay', () => {
    const fields = { token: secret, targets: [{ webhook: secret }] };
    create().child(fields).info(fields, 'sent');
    expect(text()).not.toContain(secret);
    expect(fields).toEqual({ token: secret, targets: [{ webhook: secret }] });
  });

  it('is redacted in an object that holds itself', () => {
    const fields: Record<string, unknown> = { token: secret };
    fields.self = fields;
    create().info(fields, 'sent');
    expect(text()).not.toContain(secret);
    expect(lines()).toMatchObject([{ msg: 'sent' }]);
  });

  it('is one by the names that AWS and others give it', () => {
    create().info({ environment: { AWS_SECRET_ACCESS_KEY: 'x1', api_key: 'x2', sessionToken: 'x3' } }, 'env');
    expect(JSON.stringify(lines())).not.toMatch(/x[123]/);
  });

  it('is no field of another name', () => {
    create().info({ tokens: 5, webhooks: 2, at: new Date(0) }, 'counted');
    expect(lines()).toMatchObject([{ tokens: 5, webhooks: 2, at: '1970-01-01T00:00:00.000Z' }]);
  });
});

describe('what Temporal logs', () => {
  // The runtime is there once in a process, and writes when it is at leisure.
  let file = '';
  const written = () => readFileSync(file, 'utf8');
  const lineOf = async (message: string) => {
    const find = () => linesOf(written()).find(({ msg }) => msg === message);
    await until(() => find() !== undefined);
    return find();
  };
  beforeAll(() => {
    const own = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    file = join(own, 'log');
    const ownFd = openSync(file, 'w');
    installTemporalLogger(createLogger({ logFormat: 'json', logLevel: 'info' }, ownFd));
    return async () => {
      await Runtime.instance().shutdown();
      closeSync(ownFd);
      rmSync(own, { recursive: true });
    };
  });

  const meta = {
    workflowId: 'abalone-7',
    workflowRunId: 'run-1',
    workflowType: 'trainingPipeline',
    activityId: 'train',
    activityType: 'runJob',
    attempt: 2,
  };

  it('names the workflow, the run, the step and the attempt', async () => {
    Runtime.instance().logger.info('job started', { ...meta, job: 'job-1' });
    const { activityId, workflowRunId, ...fields } = meta;
    expect(await lineOf('job started')).toMatchObject({
      level: 30,
      ...fields,
      runId: workflowRunId,
      step: activityId,
      job: 'job-1',
    });
  });

  it('comes at the level it was logged at, from the level of the logger on', async () => {
    const { logger } = Runtime.instance();
    logger.debug('below the level');
    logger.warn('a warning');
    logger.error('an error');
    expect(await lineOf('an error')).toMatchObject({ level: 50 });
    expect(await lineOf('a warning')).toMatchObject({ level: 40 });
    expect(written()).not.toContain('below the level');
  });

  it('has errors as errors, no task token and no secret', async () => {
    Runtime.instance().logger.error('activity failed', {
      ...meta,
      error: new Error('disk full'),
      taskToken: secret,
      targets: [{ webhook: secret }],
    });
    const line = await lineOf('activity failed');
    expect(line).toMatchObject({ err: { message: 'disk full' }, step: 'train' });
    expect(line).not.toHaveProperty('taskToken');
    expect(written()).not.toContain(secret);
  });
});

describe('a listener', () => {
  it('hears lines from level info on, though the log is to have fewer', async () => {
    const heard: string[] = [];
    const own = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    const ownFd = openSync(join(own, 'log'), 'w');
    installTemporalLogger(createLogger({ logFormat: 'json', logLevel: 'warn' }, ownFd), {
      listener: ({ message }) => heard.push(message),
    });
    const { logger } = Runtime.instance();
    logger.debug('a detail');
    logger.info('step ended');
    logger.warn('a warning');
    await until(() => readFileSync(join(own, 'log'), 'utf8').includes('a warning'));
    await Runtime.instance().shutdown();
    closeSync(ownFd);
    expect(readFileSync(join(own, 'log'), 'utf8')).not.toContain('step ended');
    expect(heard).toEqual(expect.arrayContaining(['step ended', 'a warning']));
    expect(heard).not.toContain('a detail');
    rmSync(own, { recursive: true });
  });
});
