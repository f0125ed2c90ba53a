import type { ExecutionMode, JobStep, Pipeline } from './pipeline.ts';
import type { ResolvedSession } from './session.ts';

/** Where things are, found out before the first job: what the plan cannot know by itself. */
export interface Sources {
  /** The snapshot of the code folder. */
  codeUri: string;
  /** The same as `sourcedir.tar.gz`, which training on SageMaker is given. Null without a session. */
  codeArchiveUri: string | null;
  inputUri: string;
  /** Input of the batch transform. Null without that step. */
  batchUri: string | null;
  /** Image of each step, by name. */
  images: Record<'preprocess' | 'train' | 'evaluate', string>;
  /** The image that models are served with: training's, as it is called in each mode that needs a model. */
  servingImages: Partial<Record<ExecutionMode, string>>;
  /** The folder that this run writes to. */
  runUri: string;
}

export interface StepPlan {
  pipeline: Pipeline;
  sources: Sources;
  /** Kept with every job: whose it is. */
  tags: Record<string, string>;
  /** Where in AWS jobs of mode `sagemaker` run. Null for runs that have none. */
  session: ResolvedSession | null;
  /** Which job of a step this is, if not the first (`jobRetries`). Each has its own outputs. */
  attempts: Partial<Record<JobStep, number>>;
}

/** The folder that the latest job of a step writes to. */
function stepUri({ sources, attempts }: StepPlan, step: JobStep): string {
  const attempt = attempts[step] ?? 1;
  return `${sources.runUri}/${step}${attempt === 1 ? '' : `-${attempt}`}`;
}

export const outputUri = (plan: StepPlan, step: JobStep, output: string) =>
  `${stepUri(plan, step)}/${output}`;

/** To S3 a prefix without the final slash also names what only begins like it: `test` and `test2`. */
export const folder = (uri: string) => (uri.startsWith('s3://') ? `${uri}/` : uri);

/** SageMaker writes the model of a training job here. */
export const modelArtifactUri = (sources: Sources, jobName: string) =>
  `${sources.runUri}/train/${jobName}/output/model.tar.gz`;

export const reportUri = (plan: StepPlan) =>
  `${outputUri(plan, 'evaluate', 'evaluation')}/${plan.pipeline.steps.evaluate.report}`;

export const transformOutputUri = (plan: StepPlan) => stepUri(plan, 'transform');
