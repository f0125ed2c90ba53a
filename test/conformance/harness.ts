import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.ts';
import type { EndedJobState, JobRequest } from '../../src/core/jobs.ts';
import { openArchive } from './archives.ts';
import { cases } from './cases.ts';
import type { ConformanceCase, ConformanceTarget, LiveJob, Outcome, Result } from './contract.ts';
import { createLab } from './lab.ts';
import { liveJob, patienceSeconds } from './live-job.ts';

/** What scripts/conformance.js finds in the report of the tests. */
interface ConformanceMeta {
  target: ConformanceTarget['name'];
  id: string;
  title: string;
  source: string;
  /** Why the target cannot do it. */
  skip: string | null;
  /** Why the target isn't there at all. */
  unavailable: string | null;
}

declare module 'vitest' {
  interface TaskMeta {
    conformance?: ConformanceMeta;
  }
}

/** Makes one test of every case. `unavailable` says why this machine has no such target. */
export function testConformance(
  { name, skip }: Pick<ConformanceTarget, 'name' | 'skip'>,
  target: ConformanceTarget | { unavailable: string },
): void {
  const reasons = skipReasons(cases, skip);
  const unavailable = 'unavailable' in target ? target.unavailable : null;
  describe.concurrent(`the container contract, by the engine ${name}`, () => {
    for (const one of cases) {
      const { id, title, source } = one;
      // What a target lists is run as well: an exception that is none any more must go.
      it(
        reasons.has(id) ? `Not here: ${title} (${id})` : `${title} (${id})`,
        { timeout: 2 * patienceSeconds * 1000 },
        async (context) => {
          const reason = reasons.get(id) ?? null;
          context.task.meta.conformance = { target: name, id, title, source, skip: reason, unavailable };
          if ('unavailable' in target) context.skip(target.unavailable);
          else if (reason === null) await runCase(one, target);
          else await expect(runCase(one, target), 'listed as not here, but it passes').rejects.toThrow();
        },
      );
    }
  });
}

/** @throws Error for an id that no case has: the exception would outlive its case. */
export function skipReasons(
  table: readonly Pick<ConformanceCase, 'id'>[],
  skip: ConformanceTarget['skip'],
): Map<string, string> {
  const unknown = skip.filter(({ caseId }) => !table.some(({ id }) => id === caseId));
  if (unknown.length > 0) {
    throw new Error(`No case has the id ${unknown.map(({ caseId }) => caseId).join(', ')}`);
  }
  return new Map(skip.map(({ caseId, reason }) => [caseId, reason]));
}

async function runCase(one: ConformanceCase, target: ConformanceTarget): Promise<void> {
  const lab = createLab(target, one.id);
  const job = liveJob(target, lab.jobName, await one.job(lab));
  const from = performance.now();
  try {
    const outcome = await outcomeOf(async () => {
      if (one.act) await one.act(job, lab);
      else await job.ensure();
      return job.ended();
    });
    const result = toResult(target, job, outcome, (performance.now() - from) / 1000);
    // The whole outcome is shown, for the reason of a surprise is in it.
    expect(outcome, JSON.stringify(outcome, null, 2)).toMatchObject(one.ends);
    await one.verify?.(result, lab);
  } finally {
    await job.stop();
  }
}

/** A request that is refused has an outcome, too; what breaks otherwise is a failure of the test. */
async function outcomeOf(run: () => Promise<EndedJobState>): Promise<Outcome> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return { status: 'refused', code: error.code, reason: error.message };
  }
}

function toResult(target: ConformanceTarget, job: LiveJob, outcome: Outcome, seconds: number): Result {
  const output: Result['output'] = async (name) => {
    const found = await target.readOutput(outputUriOf(job.request, name));
    return new Map([...found].map(([path, data]) => [path, data.toString('utf8')]));
  };
  const archive: Result['archive'] = async (name) => {
    const found = await target.readOutput(`${outputUriOf(job.request)}/${job.name}/output/${name}`);
    const data = found.get('');
    return data === undefined ? null : openArchive(data);
  };
  return {
    job,
    outcome,
    reason: 'reason' in outcome ? outcome.reason : '',
    logTail: 'logTail' in outcome ? outcome.logTail : [],
    seconds,
    output,
    archive,
    async report() {
      const text =
        job.request.kind === 'Training'
          ? (await archive('model.tar.gz'))?.find(({ name }) => name === 'report.json')?.text
          : (await output()).get('report.json');
      return JSON.parse(text ?? 'null') as Record<string, unknown>;
    },
  };
}

function outputUriOf(request: JobRequest, name = 'out'): string {
  switch (request.kind) {
    case 'Processing': {
      const outputs = request.body.ProcessingOutputConfig.Outputs;
      const found = outputs.find(({ OutputName }) => OutputName === name);
      if (!found) throw new Error(`The request has no output ${name}`);
      return found.S3Output.S3Uri;
    }
    case 'Training':
      return request.body.OutputDataConfig.S3OutputPath;
    case 'Transform':
      return request.body.TransformOutput.S3OutputPath;
  }
}
