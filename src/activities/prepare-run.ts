import { Context } from '@temporalio/activity';
import { pathToFileURL } from 'node:url';
import { SluiceError } from '../core/errors.ts';
import { stepMode } from '../core/parse-pipeline.ts';
import {
  evaluateJob,
  modelRequest,
  preprocessJob,
  trainJob,
  transformJob,
  type Sources,
  type StepPlan,
} from '../core/plan.ts';
import type { ExecutionMode, JobStep, Pipeline } from '../core/pipeline.ts';
import type { Engine } from '../engines/engine.ts';
import type { Dependencies } from './dependencies.ts';
import { findPipelineFiles } from './pipeline-files.ts';

export interface PrepareInput {
  pipeline: Pipeline;
  runId: string;
}

export interface PreparedRun {
  sources: Sources;
  /** SHA-256 of the code folder. */
  codeSha256: string;
  /** The engine of every step that runs a job. */
  engines: Partial<Record<JobStep, Engine['name']>>;
  /** Whether this namespace has Sluice's search attributes. */
  searchAttributes: boolean;
}

const jobSteps = ['preprocess', 'train', 'evaluate', 'transform'] as const;

/**
 * The last check before the first job: everything that the pipeline names is there, the engines can honour it, and the
 * code is put aside under its hash, so that an edit during the run changes nothing.
 */
export async function prepareRun(
  deps: Dependencies,
  { pipeline, runId }: PrepareInput,
): Promise<PreparedRun> {
  const engines = await chooseEngines(deps, pipeline);
  const files = await findPipelineFiles(deps, pipeline);
  const snapshot = await deps.storage.upload(files.code, Context.current().cancellationSignal);
  const sources: Sources = {
    codeUri: snapshot.uri,
    inputUri: pathToFileURL(files.input).href,
    batchUri: files.batch === null ? null : pathToFileURL(files.batch).href,
    images: {
      preprocess: imageOf(pipeline, 'preprocess'),
      train: imageOf(pipeline, 'train'),
      evaluate: imageOf(pipeline, 'evaluate'),
    },
    runUri: `${deps.storage.rootUri}/runs/${pipeline.name}/${runId}`,
  };
  checkEngines(engines, { pipeline, sources, tags: {} });
  return {
    sources,
    codeSha256: snapshot.sha256,
    engines: Object.fromEntries(Object.entries(engines).map(([step, engine]) => [step, engine.name])),
    searchAttributes: deps.searchAttributes,
  };
}

/** One for all steps of a mode: asked twice it might come out differently. */
async function chooseEngines(
  deps: Dependencies,
  pipeline: Pipeline,
): Promise<Partial<Record<JobStep, Engine>>> {
  const chosen = new Map<ExecutionMode, Engine>();
  const engines: Partial<Record<JobStep, Engine>> = {};
  for (const step of jobSteps.filter((name) => pipeline.steps[name] !== undefined)) {
    const mode = stepMode(pipeline, step);
    const engine = chosen.get(mode) ?? (await deps.chooseEngine(mode));
    if (engine === null) {
      throw new SluiceError(
        'Unsupported',
        `steps.${step} runs in mode "${mode}", for which this worker has no engine`,
      );
    }
    chosen.set(mode, engine);
    engines[step] = engine;
  }
  return engines;
}

function imageOf(pipeline: Pipeline, step: 'preprocess' | 'train' | 'evaluate'): string {
  const own = pipeline.steps[step];
  const image = own.image ?? (own.framework ? undefined : pipeline.image);
  const framework = own.framework ?? pipeline.framework;
  if (image !== undefined) return image;
  if (framework !== undefined) return `sluice/${framework.name}:${framework.version}`;
  throw new SluiceError('InvalidInput', `steps.${step} needs a "framework" or an "image"`);
}

function checkEngines(engines: Partial<Record<JobStep, Engine>>, plan: StepPlan): void {
  const { transform } = plan.pipeline.steps;
  engines.preprocess?.check(preprocessJob(plan));
  engines.train?.check(trainJob(plan));
  engines.evaluate?.check(evaluateJob(plan, plan.sources.runUri));
  if (transform && plan.sources.batchUri !== null) {
    const job = transformJob(plan, transform, plan.sources.batchUri, 'model');
    engines.transform?.check(job, modelRequest(plan, plan.sources.runUri));
  }
}
