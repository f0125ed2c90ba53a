import { Context } from '@temporalio/activity';
import { SluiceError } from '../core/errors.ts';
import { capFor, countOf, type StepCaps } from '../core/instance-slots.ts';
import { modesOf, stepMode } from '../core/parse-pipeline.ts';
import {
  evaluateJob,
  modelModes,
  modelRequest,
  preprocessJob,
  trainJob,
  transformJob,
} from '../core/plan.ts';
import { jobSteps, type ExecutionMode, type JobStep, type Pipeline } from '../core/pipeline.ts';
import type { Sources, StepPlan } from '../core/run-places.ts';
import type { ResolvedSession } from '../core/session.ts';
import type { Engine } from '../engines/engine.ts';
import type { UploadedCode } from '../storage/storage.ts';
import { checkTargets } from './check-targets.ts';
import { storageOf, type Dependencies } from './dependencies.ts';
import type { HashedInput } from './hash-input.ts';
import { findCode, placeInput } from './pipeline-files.ts';

export interface PrepareInput {
  pipeline: Pipeline;
  runId: string;
  /** That whoever is to be notified can be, was looked at where notifications are sent. */
  targetsAreChecked?: boolean;
}

export interface PreparedRun {
  sources: Sources;
  /** Of runs with a step in mode `sagemaker`: their data is on S3. */
  session: ResolvedSession | null;
  /** SHA-256 of the code folder. */
  codeSha256: string;
  /** The input data, if its hash is known already. */
  data: HashedInput | null;
  /** Who prepared it: the machine that a run with local steps is bound to. */
  host: string;
  /** The engine of every step that runs a job. */
  engines: Partial<Record<JobStep, Engine['name']>>;
  /** What the jobs of SageMaker use of instance types that are capped. */
  caps?: StepCaps;
  /** Whether this namespace has Sluice's search attributes. */
  searchAttributes: boolean;
}

/**
 * The last check before the first job: everything that the pipeline names is there, the engines can honour it, and the
 * code is put aside under its hash, so that an edit during the run changes nothing. With a session, code and data of this
 * machine are uploaded, once for the same content.
 */
export async function prepareRun(
  deps: Dependencies,
  { pipeline, runId, targetsAreChecked = false }: PrepareInput,
): Promise<PreparedRun> {
  const signal = Context.current().cancellationSignal;
  if (!targetsAreChecked) await checkTargets(deps, { targets: pipeline.steps.notify ?? [] });
  const session = await openSession(deps, pipeline, signal);
  const engines = await chooseEngines(deps, pipeline, session);
  const code = await findCode(deps, pipeline, session, signal);
  const place = (what: string, location: string) => placeInput(deps, what, location, session, signal);
  const input = await place('steps.preprocess.input', pipeline.steps.preprocess.input);
  const { transform } = pipeline.steps;
  const batch = transform ? await place('steps.transform.input', transform.input) : null;
  const snapshot = await putCodeAside(deps, code, session, signal);
  const image = (step: ImageStep, mode = stepMode(pipeline, step)) =>
    imageOf(deps, pipeline, step, mode, session);
  const sources: Sources = {
    codeUri: snapshot.uri,
    codeArchiveUri: snapshot.archiveUri,
    inputUri: input.uri,
    batchUri: batch?.uri ?? null,
    images: { preprocess: image('preprocess'), train: image('train'), evaluate: image('evaluate') },
    servingImages: Object.fromEntries(modelModes(pipeline).map((mode) => [mode, image('train', mode)])),
    runUri: `${storageOf(deps, session).rootUri}/runs/${pipeline.name}/${runId}`,
  };
  const caps = capsOf(deps, pipeline);
  checkEngines(engines, { pipeline, sources, tags: {}, session, attempts: {} });
  return {
    sources,
    session,
    host: deps.host,
    codeSha256: snapshot.sha256,
    data: input.content && { uri: input.uri, ...input.content },
    engines: Object.fromEntries(Object.entries(engines).map(([step, engine]) => [step, engine.name])),
    ...(Object.keys(caps).length > 0 && { caps }),
    searchAttributes: await deps.hasSearchAttributes(),
  };
}

async function openSession(
  deps: Dependencies,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<ResolvedSession | null> {
  return modesOf(pipeline).has('sagemaker') ? deps.openSession(pipeline.session ?? {}, signal) : null;
}

const stepsOf = (pipeline: Pipeline) => jobSteps.filter((name) => pipeline.steps[name] !== undefined);

/** One for all steps of a mode: asked twice it might come out differently. */
async function chooseEngines(
  deps: Dependencies,
  pipeline: Pipeline,
  session: ResolvedSession | null,
): Promise<Partial<Record<JobStep, Engine>>> {
  const chosen = new Map<ExecutionMode, Engine>();
  if (session !== null) chosen.set('sagemaker', deps.cloud(session).engine);
  const engines: Partial<Record<JobStep, Engine>> = {};
  for (const step of stepsOf(pipeline)) {
    const mode = stepMode(pipeline, step);
    const engine = chosen.get(mode) ?? (await deps.chooseLocalEngine());
    chosen.set(mode, engine);
    engines[step] = engine;
  }
  return engines;
}

/** Jobs of this machine have no instances. @throws SluiceError `Unsupported` if a step could never have what it needs. */
function capsOf({ instanceCaps }: Dependencies, pipeline: Pipeline): StepCaps {
  const caps: StepCaps = {};
  for (const step of stepsOf(pipeline).filter((name) => stepMode(pipeline, name) === 'sagemaker')) {
    const instanceType = pipeline.steps[step]?.instanceType ?? '';
    const cap = capFor(instanceCaps, instanceType);
    if (cap === null) continue;
    const count = countOf(pipeline, step);
    if (count > cap.cap)
      throw new SluiceError(
        'Unsupported',
        `steps.${step}: it needs ${count} instances of ${instanceType}; the worker's SLUICE_INSTANCE_CAPS allows ${cap.cap} of ${cap.instances}`,
      );
    caps[step] = cap;
  }
  return caps;
}

async function putCodeAside(
  deps: Dependencies,
  folder: string,
  session: ResolvedSession | null,
  signal: AbortSignal,
): Promise<Omit<UploadedCode, 'archiveUri'> & { archiveUri: string | null }> {
  if (session !== null) return deps.cloud(session).storage.uploadCode(folder, signal);
  return { ...(await deps.storage.upload(folder, signal)), archiveUri: null };
}

type ImageStep = 'preprocess' | 'train' | 'evaluate';

function imageOf(
  deps: Dependencies,
  pipeline: Pipeline,
  step: ImageStep,
  mode: ExecutionMode,
  session: ResolvedSession | null,
): string {
  const own = pipeline.steps[step];
  const image = own.image ?? (own.framework ? undefined : pipeline.image);
  const framework = own.framework ?? pipeline.framework;
  if (image !== undefined) return image;
  if (framework === undefined)
    throw new SluiceError('InvalidInput', `steps.${step} needs a "framework" or an "image"`);
  if (mode === 'sagemaker' && session !== null) return deps.frameworkImage(framework, session.region);
  return `sluice/${framework.name}:${framework.version}`;
}

function checkEngines(engines: Partial<Record<JobStep, Engine>>, plan: StepPlan): void {
  const { transform } = plan.pipeline.steps;
  engines.preprocess?.check(preprocessJob(plan));
  engines.train?.check(trainJob(plan));
  engines.evaluate?.check(evaluateJob(plan, plan.sources.runUri));
  if (transform && plan.sources.batchUri !== null) {
    const job = transformJob(plan, transform, plan.sources.batchUri, 'model');
    const mode = stepMode(plan.pipeline, 'transform');
    engines.transform?.check(job, modelRequest(plan, mode, plan.sources.runUri));
  }
}
