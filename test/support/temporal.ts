import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { searchAttributes } from '../../src/core/run.ts';
import { temporalCli } from './toolchain.ts';

/** A real Temporal server with Sluice's search attributes, for one test file. @param dynamicConfig - of the server, as `key=value`. */
export async function startTemporal(...dynamicConfig: readonly string[]): Promise<TestWorkflowEnvironment> {
  Runtime.install({
    // Runs that fail on purpose are no news here; anything else is.
    logger: new DefaultLogger('ERROR', ({ message, meta }) => {
      if (message !== 'run did not pass') console.error(message, meta);
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
  });
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: temporalCli() },
      searchAttributes: [
        defineSearchAttributeKey(searchAttributes.pipeline, SearchAttributeType.KEYWORD),
        defineSearchAttributeKey(searchAttributes.executionMode, SearchAttributeType.KEYWORD),
        defineSearchAttributeKey(searchAttributes.outcome, SearchAttributeType.KEYWORD),
        defineSearchAttributeKey(searchAttributes.metricValue, SearchAttributeType.DOUBLE),
      ],
      extraArgs: ['history.transferProcessorMaxPollRPS=1000', ...dynamicConfig].flatMap((setting) => [
        '--dynamic-config-value',
        setting,
      ]),
    },
  });
}
