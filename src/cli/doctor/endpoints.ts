import { reachable } from '../../config/listen-address.ts';
import type { Config } from '../../config.ts';
import { lastLine, type Check } from './check.ts';

const patienceMs = 5000;

/** What the worker of this machine tells by HTTP, if it is told to. */
export async function checkEndpoints({ healthAddress, metricsAddress }: Config): Promise<Check[]> {
  return [
    healthAddress === null
      ? { what: 'health', state: 'note', said: 'not told by HTTP; SLUICE_HEALTH_PORT sets where' }
      : await checkHealth(`http://${reachable(healthAddress)}/readyz`),
    metricsAddress === null
      ? { what: 'metrics', state: 'note', said: 'not told to Prometheus; SLUICE_METRICS_PORT sets where' }
      : await checkMetrics(`http://${reachable(metricsAddress)}/metrics`),
  ];
}

async function checkHealth(url: string): Promise<Check> {
  const what = 'health';
  try {
    const [status, body] = await get(url);
    if (status === 200) return { what, state: 'ok', said: url };
    return { what, state: 'failure', said: `${url} says ${body.trim()}`, todo: 'read the log of the worker' };
  } catch (error) {
    return nothingThere(what, url, 'SLUICE_HEALTH_PORT', error);
  }
}

async function checkMetrics(url: string): Promise<Check> {
  const what = 'metrics';
  try {
    const [, body] = await get(url);
    if (/^sluice_worker_start_time_seconds\b/m.test(body)) return { what, state: 'ok', said: url };
    const said = `${url} is not answered by a worker that is ready`;
    return { what, state: 'failure', said, todo: 'read its log, or set another SLUICE_METRICS_PORT' };
  } catch (error) {
    return nothingThere(what, url, 'SLUICE_METRICS_PORT', error);
  }
}

async function get(url: string): Promise<[number, string]> {
  const response = await fetch(url, { signal: AbortSignal.timeout(patienceMs) });
  return [response.status, await response.text()];
}

function nothingThere(what: string, url: string, variable: string, error: unknown): Check {
  const { cause } = error as { cause?: unknown };
  return {
    what,
    state: 'failure',
    said: `nothing answers at ${url} (${lastLine(cause ?? error)})`,
    todo: `start a worker with ${variable} here, or unset it`,
  };
}
