import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import { installTemporalLogger } from '../logger.ts';
import { metricsExporter } from '../telemetry.ts';

/** What the workers of this process have in common: the log and the metrics. @throws SluiceError `InvalidInput`. */
export function installRuntime({ metricsAddress }: Config, logger: Logger): void {
  try {
    installTemporalLogger(logger, metricsAddress === null ? undefined : metricsExporter(metricsAddress));
  } catch (cause) {
    if (metricsAddress === null) throw cause;
    throw new SluiceError(
      'InvalidInput',
      `SLUICE_METRICS_PORT: ${metricsAddress} cannot be had (${(cause as Error).message}); set another one`,
      { cause },
    );
  }
}
