import { describe, expect, it } from 'vitest';
import type { AwsCall } from '../../src/aws/listening.ts';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import { createStsApi } from '../../src/aws/sts.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openEmulator } from '../support/emulator.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

withoutAwsSettings(folderPerTest());

function hearing(): { calls: AwsCall[]; onCall: (call: AwsCall) => void; heard: () => string[] } {
  const calls: AwsCall[] = [];
  return {
    calls,
    onCall: (call) => calls.push(call),
    heard: () => calls.map(({ service, operation, result }) => `${service} ${operation} ${result}`),
  };
}

describe('who listens to the calls of AWS', () => {
  it('hears of answers, of refusals that are answers, and of faults', async () => {
    const emulator = await openEmulator();
    useAwsSettings(emulator.env);
    const { calls, onCall, heard } = hearing();
    const api = createSageMakerApi('us-east-1', onCall);
    try {
      await api.call('ListModels', {});
      await failureOf(api.call('DescribeTrainingJob', { TrainingJobName: 'none' }));
      emulator.fault({ fault: 'throttle', times: 1 });
      await failureOf(api.call('ListModels', {}));
      emulator.fault({ fault: 'lost-request', times: 1 });
      await failureOf(api.call('ListModels', {}));
      await failureOf(api.call('ListModels', {}, AbortSignal.abort()));
    } finally {
      await emulator.close();
    }
    expect(heard()).toEqual([
      'SageMaker ListModels ok',
      'SageMaker DescribeTrainingJob refused',
      'SageMaker ListModels Throttled',
      'SageMaker ListModels ServiceUnavailable',
    ]);
    for (const { seconds } of calls) expect(seconds).toBeGreaterThan(0);
  });

  it('hears of a call that was given up on its way', async () => {
    const emulator = await openEmulator();
    useAwsSettings(emulator.env);
    const { onCall, heard } = hearing();
    emulator.fault({ fault: 'slow', seconds: 60 });
    await failureOf(createSageMakerApi('us-east-1', onCall).call('ListModels', {}, AbortSignal.timeout(300)));
    expect(heard()).toEqual(['SageMaker ListModels abandoned']);
    await emulator.close();
  });

  it('hears that there are no credentials, though nothing is sent', async () => {
    const { calls, onCall } = hearing();
    await failureOf(createStsApi(onCall).getCallerIdentity('us-east-1'));
    expect(calls).toEqual([
      { service: 'STS', operation: 'GetCallerIdentity', result: 'CredentialsExpired', seconds: 0 },
    ]);
  });
});
