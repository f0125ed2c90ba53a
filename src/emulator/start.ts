import { createEmulator, type EmulatorOptions } from './emulator.ts';
import { createScriptedExecutor } from './scripted-executor.ts';
import type { WriteObject } from './scripted-outputs.ts';
import { serve, type EmulatorServer } from './server.ts';

export interface StartOptions extends Omit<EmulatorOptions, 'executor'> {
  /** Default: a free one. */
  port?: number;
  /** Default: 127.0.0.1. */
  host?: string;
  /** Who runs the jobs. Default: the script plays them. */
  executor?: EmulatorOptions['executor'];
  /** Stores what scripted jobs write. Without it they write nothing. */
  write?: WriteObject;
}

/** Starts an emulator and serves it. */
export async function startEmulator(options: StartOptions = {}): Promise<EmulatorServer> {
  const { port, host, write, executor, ...rest } = options;
  const emulator = createEmulator({
    ...rest,
    executor: executor ?? ((clock, script) => createScriptedExecutor(clock, script, write)),
  });
  return serve(emulator, { ...(port !== undefined && { port }), ...(host !== undefined && { host }) });
}

/** The variables that send AWS's SDKs and CLI to an emulator, with credentials that it takes. */
export function clientEnv(endpoint: string, region = 'us-east-1'): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_SAGEMAKER: endpoint,
    AWS_ENDPOINT_URL_STS: endpoint,
    AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'AKIAEMULATOR00000000',
    AWS_SECRET_ACCESS_KEY: 'emulator',
  };
}
