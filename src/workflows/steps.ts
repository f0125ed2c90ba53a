import { workflowInfo } from '@temporalio/workflow';
import { describeRule, type Reading } from '../core/gate.ts';
import { jobName } from '../core/job-name.ts';
import type { ModelBody } from '../core/jobs.ts';
import * as plan from '../core/plan.ts';
import { modelArtifactUri, reportUri, transformOutputUri } from '../core/run-places.ts';
import { runJobStep } from './job-step.ts';
import type { Run } from './open-run.ts';
import { longActivities } from './proxies.ts';

/** A model that was created: its name, and the body of `CreateModel` in the mode of the run. */
interface CreatedModel {
  name: string;
  body: ModelBody;
}

const withoutJob = { engine: null, jobName: null };

export async function preprocess(run: Run): Promise<void> {
  await runJobStep(run, 'preprocess', () => plan.preprocessJob(run.plan));
}

/** @returns the URI of `model.tar.gz`. */
export async function train(run: Run): Promise<string> {
  const job = await runJobStep(run, 'train', () => plan.trainJob(run.plan));
  return modelArtifactUri(run.plan.sources, job.jobName);
}

export async function evaluate(run: Run, artifactUri: string): Promise<void> {
  await runJobStep(run, 'evaluate', () => plan.evaluateJob(run.plan, artifactUri));
}

/** Only the metric or the reason comes back, never the whole report. */
export async function readMetric(run: Run): Promise<Reading> {
  const { metric } = run.rule;
  return run.progress.step('condition', withoutJob, () =>
    longActivities.readReport.executeWithOptions(
      { activityId: 'condition', summary: describeRule(run.rule), ...run.place },
      [{ uri: reportUri(run.plan), metric, session: run.plan.session }],
    ),
  );
}

export async function createModel(run: Run, artifactUri: string): Promise<CreatedModel> {
  const { pipeline, sources } = run.plan;
  const name = jobName(pipeline.name, 'model', workflowInfo().runId);
  const uri = `${sources.runUri}/model/model.tar.gz`;
  const models = plan
    .modelModes(pipeline)
    .map((mode) => ({ mode, body: plan.modelRequest(run.plan, mode, uri) }));
  const tags = { ...run.plan.tags, ...pipeline.tags };
  const { session } = run.plan;
  const modelName = await run.progress.step('createModel', { engine: null, jobName: name }, async (tell) => {
    const created = await longActivities.createModel.executeWithOptions(
      { activityId: 'createModel', summary: pipeline.steps.createModel.script, ...run.place },
      [{ name, artifactUri, codeUri: sources.codeUri, targetUri: uri, models, session, tags }],
    );
    // After a reset the run has another id than that which made the model.
    tell(null, created.modelName);
    return created.modelName;
  });
  run.progress.show({ model: modelName });
  return { name: modelName, body: plan.modelRequest(run.plan, pipeline.executionMode, uri) };
}

/** Not run if the file has no such step. */
export async function transform(run: Run, model: CreatedModel): Promise<void> {
  const {
    pipeline: { steps },
    sources: { batchUri },
  } = run.plan;
  const step = steps.transform;
  if (!step || batchUri === null) return;
  const job = () => plan.transformJob(run.plan, step, batchUri, model.name);
  const { records } = await runJobStep(run, 'transform', job);
  run.progress.show({ transform: { output: transformOutputUri(run.plan), records } });
}

/** Not run if the file has no such step. One run makes one version, however often the activity is tried. */
export async function registerModel(run: Run, model: CreatedModel, value: number): Promise<void> {
  const { pipeline, sources } = run.plan;
  const { register } = pipeline.steps;
  if (!register) return;
  const { workflowId, runId } = workflowInfo();
  const lineage = {
    workflowId,
    runId,
    executionMode: pipeline.executionMode,
    parameters: run.parameters,
    code: { uri: sources.codeUri, sha256: run.prepared.codeSha256 },
    image: model.body.PrimaryContainer.Image,
    jobs: Object.fromEntries(
      run.progress.report.steps.flatMap((step) => (step.jobName === null ? [] : [[step.name, step.jobName]])),
    ),
  };
  const modelPackage = await run.progress.step('register', withoutJob, async () =>
    longActivities.registerModel.executeWithOptions(
      { activityId: 'register', summary: register.group, ...run.place },
      [
        {
          ...register,
          pipeline: pipeline.name,
          clientToken: runId,
          modelName: model.name,
          inference: model.body.PrimaryContainer,
          contentType: pipeline.steps.transform?.contentType ?? 'text/csv',
          accept: pipeline.steps.transform?.accept ?? 'text/csv',
          metric: { ...metricOf(run), value, reportUri: reportUri(run.plan) },
          lineage: { ...lineage, data: await run.data },
          tags: pipeline.tags,
          session: pipeline.executionMode === 'sagemaker' ? run.plan.session : null,
        },
      ],
    ),
  );
  run.progress.show({ modelPackage });
}

function metricOf({ rule }: Run) {
  return { name: rule.metric, comparison: rule.comparison, threshold: rule.threshold };
}
