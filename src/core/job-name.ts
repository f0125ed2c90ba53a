/** Longest first: SageMaker allows 63 characters, a run id without hyphens takes 32. */
const prefixLength = 16;

/**
 * The name of a step's job or model: readable prefix, step, run id. The same across activity retries and deaths of
 * workers, different after a reset or a new run; valid for SageMaker (at most 63 characters, letters, digits, hyphens).
 * @param attempt - 1 for the first job of the step; each further one (`jobRetries`) has a name of its own. At most 9.
 */
export function jobName(pipeline: string, step: string, runId: string, attempt = 1): string {
  const prefix = pipeline.slice(0, prefixLength).replace(/-+$/, '');
  const name = `${prefix}-${step.toLowerCase()}-${runId.replaceAll('-', '')}`;
  return attempt === 1 ? name : `${name}-${attempt}`;
}

/** The same step's job or model in another run. */
export function jobNameIn(runId: string, name: string, oldRunId: string): string {
  return name.replace(oldRunId.replaceAll('-', ''), runId.replaceAll('-', ''));
}

/** What a name says but for the run: the same before and after a reset. */
export const withoutRunId = (name: string) => name.replace(/-[0-9a-f]{32}/, '');
