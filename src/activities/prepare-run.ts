import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stat } from 'node:fs/promises';
import { SluiceError } from '../core/errors.ts';
import { stepMode } from '../core/parse-pipeline.ts';
import {
  evaluateJob,
  preprocessJob,
  trainJob,
  transformJob,
  type Sources,
  type StepPlan,
} from '../core/plan.ts';
import type { JobStep, Pipeline } from '../core/pipeline.ts';
import type { Engine } from '../engines/engine.ts';
import type { Dependencies } from './dependencies.ts';

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
  const engines = Object.fromEntries(
    jobSteps
      .filter((step) => pipeline.steps[step] !== undefined)
      .map((step) => [step, engineOf(deps, pipeline, step)]),
  ) as Partial<Record<JobStep, Engine>>;
  const code = await deps.findInput('code', pipeline.code);
  if (!code.isFolder)
    throw new SluiceError(
      'InvalidInput',
      `code: ${JSON.stringify(pipeline.code)} is a file; it must be the folder of the scripts`,
    );
  await checkScripts(pipeline, code.path);
  const input = await deps.findInput('steps.preprocess.input', pipeline.steps.preprocess.input);
  const batch =
    pipeline.steps.transform &&
    (await deps.findInput('steps.transform.input', pipeline.steps.transform.input));

  const snapshot = await deps.storage.upload(code.path);
  const sources: Sources = {
    codeUri: snapshot.uri,
    inputUri: pathToFileURL(input.path).href,
    batchUri: batch ? pathToFileURL(batch.path).href : null,
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

function engineOf(deps: Dependencies, pipeline: Pipeline, step: JobStep): Engine {
  const mode = stepMode(pipeline, step);
  const engine = deps.engines[mode];
  if (engine) return engine;
  throw new SluiceError(
    'Unsupported',
    `steps.${step} runs in mode "${mode}", for which this worker has no engine`,
  );
}

async function checkScripts(pipeline: Pipeline, folder: string): Promise<void> {
  for (const step of ['preprocess', 'train', 'evaluate', 'createModel'] as const) {
    const { script } = pipeline.steps[step];
    if (script === undefined) continue;
    const found = await stat(join(folder, script)).catch(() => undefined);
    if (!found?.isFile()) {
      throw new SluiceError(
        'InvalidInput',
        `steps.${step}.script: there is no file ${JSON.stringify(script)} in the code folder ${folder}`,
      );
    }
  }
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
    engines.transform?.check(transformJob(plan, transform, plan.sources.batchUri, 'model'));
  }
}
