import { decide } from '../core/gate.ts';
import type { Pipeline } from '../core/pipeline.ts';
import { decided } from '../core/run-report.ts';
import type { RunReport } from '../core/run.ts';
import { createModel, evaluate, preprocess, readMetric, registerModel, train, transform } from './steps.ts';
import { close, giveUp } from './endings.ts';
import { rejected, undecidable } from './failures.ts';
import { notifyAccepted, notifyFailure } from './notify.ts';
import { openRun, readInput } from './open-run.ts';
import { startProgress } from './progress.ts';

/**
 * Preprocess → train → evaluate → is the metric good enough? → create the model → batch transform → register it,
 * or notify and fail.
 */
export async function trainingPipeline(input: unknown): Promise<RunReport> {
  const progress = startProgress();
  let pipeline: Pipeline | undefined;
  try {
    const parsed = await readInput(input, progress);
    pipeline = parsed.pipeline;
    const run = await openRun(parsed, progress);
    await preprocess(run);
    const artifactUri = await train(run);
    await evaluate(run, artifactUri);

    const decision = decide(await readMetric(run), run.rule);
    progress.show(decided(run.rule, decision));
    switch (decision.kind) {
      case 'accepted': {
        const model = await createModel(run, artifactUri);
        await transform(run, model);
        await registerModel(run, model, decision.value);
        await notifyAccepted(pipeline, run.rule, decision.value, progress);
        return close(progress, 'accepted');
      }
      case 'rejected': {
        const verdict = rejected(run.rule, decision.value);
        if (run.plan.pipeline.steps.condition.onRejected === 'fail') throw verdict;
        await notifyFailure(pipeline, verdict, progress);
        return close(progress, 'rejected');
      }
      case 'undecidable':
        throw undecidable(run.rule, decision.reason);
    }
  } catch (error) {
    throw await giveUp(error, pipeline, progress);
  }
}
