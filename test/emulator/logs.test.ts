import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogsApi, type LogEvent } from '../../src/aws/cloudwatch-logs.ts';
import { createScriptedExecutor } from '../../src/emulator/scripted-executor.ts';
import { useAwsSettings } from '../support/aws-env.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { folderPerTest } from '../support/folders.ts';
import { ask, signature, trainingJob } from './client.ts';

const region = 'eu-west-1';
const folder = folderPerTest();
const log = () => join(folder(), 'log.txt');
const streams = { group: '/aws/sagemaker/TrainingJobs', prefix: 'job-1/' };
let emulator: TestEmulator;

beforeEach(async () => {
  emulator = await openEmulator({
    executor: (clock, script) => ({ ...createScriptedExecutor(clock, script), logFile: log }),
  });
  useAwsSettings(emulator.env);
  await ask(emulator.endpoint, 'CreateTrainingJob', trainingJob('job-1'));
});
afterEach(() => emulator.close());

const messagesOf = (events: readonly LogEvent[]) => events.map(({ message }) => message);

/** Says it without an SDK. */
async function filter(input: object, target = 'Logs_20140328.FilterLogEvents') {
  const response = await fetch(emulator.endpoint, {
    method: 'POST',
    body: JSON.stringify(input),
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
      ...signature('logs'),
    },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('the log of a job', () => {
  it('is read from its end, and from its beginning page by page', async () => {
    // More than a page of 1 MB, the last line without its end.
    const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index} ${'é'.repeat(30)}`);
    writeFileSync(log(), lines.join('\n'));
    const logs = createLogsApi(region);
    expect(messagesOf((await logs.lastEvents(streams, 0, 3)).events)).toEqual(lines.slice(-3));
    const pages: LogEvent[][] = [];
    for await (const page of logs.pages(streams, 0)) pages.push(page);
    expect(pages.length).toBeGreaterThan(2);
    expect(messagesOf(pages.flat())).toEqual(lines);
    expect(pages[0]![0]!.stream).toMatch(/^algo-1-\d+$/);
  });

  it('may come after pages that are empty', async () => {
    writeFileSync(log(), 'a\nb\n');
    const logs = createLogsApi(region);
    emulator.fault({ fault: 'empty-page', times: 2 });
    expect(messagesOf((await logs.lastEvents(streams, 0, 3)).events)).toEqual(['a', 'b']);
    emulator.clearFaults();
    emulator.fault({ fault: 'empty-page', times: 2 });
    const pages: string[][] = [];
    for await (const page of logs.pages(streams, 0)) pages.push(messagesOf(page));
    expect(pages).toEqual([[], [], ['a', 'b']]);
  });

  it('comes in pages as small as they are wanted', async () => {
    writeFileSync(log(), 'a\n\nb\nc\n');
    const input = { logGroupName: streams.group, logStreamNamePrefix: streams.prefix, limit: 3 };
    const first = await filter(input);
    expect(first.body).toMatchObject({ events: [{ message: 'a' }, { message: '' }, { message: 'b' }] });
    const next = await filter({ ...input, nextToken: first.body.nextToken });
    expect(next.body).toMatchObject({ events: [{ message: 'c' }] });
    expect(next.body).not.toHaveProperty('nextToken');
  });

  it('is cut where a line is longer than an event may be', async () => {
    writeFileSync(log(), `${'x'.repeat(600_000)}\nlast\n`);
    const { events } = await createLogsApi(region).lastEvents(streams, 0, 20);
    expect(events.map(({ message }) => message.length)).toEqual([262_144, 262_144, 75_712, 4]);
  });

  it('is empty of a job that nobody knows, or before it began', async () => {
    writeFileSync(log(), 'a\n');
    const logs = createLogsApi(region);
    const none = { events: [], cutOff: null };
    expect(await logs.lastEvents({ ...streams, prefix: 'job-2/' }, 0, 20)).toEqual(none);
    expect(await logs.lastEvents(streams, emulator.emulator.clock.now() + 60_000, 20)).toEqual(none);
  });

  it('is refused as CloudWatch refuses', async () => {
    expect(await filter({ logGroupName: '/aws/lambda/x' })).toMatchObject({
      status: 400,
      body: { __type: 'ResourceNotFoundException' },
    });
    expect(await filter({ logGroupName: streams.group, filterPattern: 'ERROR' })).toMatchObject({
      status: 400,
      body: { __type: 'InvalidParameterException' },
    });
    expect(await filter({}, 'Logs_20140328.GetLogEvents')).toMatchObject({
      status: 404,
      body: { __type: 'UnknownOperationException' },
    });
  });
});
