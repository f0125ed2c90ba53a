import { fileURLToPath } from 'node:url';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';

const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));

describe('the workflow bundle', () => {
  it('builds without a warning and without a module of Node', async () => {
    const said: string[] = [];
    const log = (level: string, message: string) => {
      if (level === 'WARN' || level === 'ERROR') said.push(message);
    };
    const { code } = await bundleWorkflowCode({
      workflowsPath,
      logger: {
        log,
        trace: () => undefined,
        debug: () => undefined,
        info: () => undefined,
        warn: (message) => log('WARN', message),
        error: (message) => log('ERROR', message),
      },
    });
    expect(said).toEqual([]);
    expect(code).toContain('trainingPipeline');
    // Only for the command and editors; types of activities leave nothing behind.
    expect(code).not.toMatch(/pipelineJsonSchema|createActivities/);
    expect(code).not.toMatch(/require\(["']node:/);
  });
});

describe('protobufjs', () => {
  it('is there once, so that a history goes to JSON and back', () => {
    const history = {
      events: [
        {
          eventId: '1',
          eventTime: '2026-01-02T03:04:05.000000006Z',
          eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
          workflowExecutionStartedEventAttributes: {
            workflowType: { name: 'trainingPipeline' },
            input: { payloads: [{ metadata: { encoding: 'anNvbi9wbGFpbg==' }, data: 'e30=' }] },
          },
        },
      ],
    };
    const there = historyFromJSON(history);
    const again: unknown = JSON.parse(historyToJSON(there));
    expect(again).toMatchObject(history);
    expect(historyFromJSON(again)).toEqual(there);
  });
});
