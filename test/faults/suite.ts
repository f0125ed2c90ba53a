import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectFolder } from '../../src/config.ts';
import { chance } from '../../src/emulator/chance.ts';
import { ask } from '../emulator/client.ts';
import { problemsInLedger } from '../support/botocore.ts';
import { openCloudStage, type CloudStage } from '../support/cloud-stage.ts';
import { seeded } from '../support/random.ts';
import { startS3Proxy, type Fault, type SeenRequest } from '../support/s3-proxy.ts';
import { sleep } from '../support/until.ts';
import { writeSmallRoot } from '../support/world.ts';
import { audit } from './auditor.ts';
import { makeChaos, type Chaos } from './chaos.ts';
import { interfere } from './interference.ts';
import { lookAtRun, lookAtStorage, packagesIn, replay, type StartedRun } from './collect.ts';
import type { Evidence } from './evidence.ts';
import { jobLives } from './job-lives.ts';
import { missingIn } from './mixture.ts';
import { planFaults, steadyFaults, type PlannedRun } from './plan.ts';
import { startReceiver } from './receiver.ts';
import { summaryOf } from './summary.ts';
import { sweepAtTheEnd, sweeper, sweepMeanwhile } from './sweeps.ts';

export interface SuiteOptions {
  seed: number;
  runs: number;
  /** Of workers, by SIGKILL and SIGTERM. */
  kills: number;
}

/** Seconds of SageMaker in a real one. */
const speed = 5;
/** Of what the runs come to nothing is expected sooner: a machine may be slow, and a run that hangs is found all the same. */
const patienceMs = 35 * 60_000;
/** Those of `engines/sagemaker/budget.ts`. */
const rates = {
  create: { perSecond: 1, burst: 1 },
  describe: { perSecond: 10, burst: 10 },
  registry: { perSecond: 4, burst: 4 },
  others: { perSecond: 4, burst: 4 },
};
/** On average, or less: those that are rejected, broken or cancelled have no more. */
const jobsOfARun = 3;
const operator = 'AKIAOPERATOR00000000';

const evaluateScript = `import json, pathlib
rows = pathlib.Path('/opt/ml/processing/input/test/test.csv').read_text().splitlines()
pathlib.Path('/opt/ml/processing/output/evaluation/evaluation.json').write_text(
    json.dumps({'metrics': {'mse': len(rows)}}))
`;

/** Runs what the seed says under faults and kills, and audits what is left. @returns what is wrong; a summary is printed. */
export async function runFaultSuite({ seed, runs, kills }: SuiteOptions): Promise<string[]> {
  const began = Date.now();
  const random = seeded(seed ^ 0x5eed);
  const receiver = await startReceiver(seeded(seed ^ 0xfeed));
  const plan = await planFaults(seed, runs, receiver.url);
  const stage = await openCloudStage('faults', { speed, file: plan.emulator });
  const proxy = await startS3Proxy(stage.s3.port);
  try {
    const senders = new Map<string, string>();
    proxy.meet(faultsOfS3(seed, senders));
    await writeSmallRoot(stage.folder);
    await writeFile(join(stage.folder, 'code', 'evaluate.py'), evaluateScript);
    let isOver = false;
    const making = makeChaos(stage, {
      ...{ random, kills, isOver: () => isOver },
      progress: () => jobsMade(stage) / (runs * jobsOfARun),
      workerEnv: { AWS_ENDPOINT_URL_S3: proxy.endpoint },
    });
    const ending = startAll(stage, plan.runs, began + patienceMs).finally(() => (isOver = true));
    const sweeping = sweepMeanwhile(stage, () => isOver);
    const [started, chaos, sweeps] = await Promise.all([ending, making, sweeping]);
    await sweepAtTheEnd(stage, speed);
    const evidence = await collect(stage, started, chaos, { notifications: receiver.deliveries, senders });
    const { ledger } = evidence;
    const problems = [
      ...audit(evidence),
      ...(await problemsInLedger(ledger)),
      ...missingIn({ kills, counts: chaos.counts, faults: steadyFaults, ledger }),
    ];
    console.log(
      summaryOf({
        ...{ seed, evidence, planned: plan.runs, s3: proxy.met().faults },
        chaos: { ...chaos.counts, sweeps: sweeps + 1, resets: started.length - runs },
      }),
      `${problems.length} violations, ${Math.round((Date.now() - began) / 1000)} s`,
    );
    if (problems.length > 0) await keepTraces(seed, stage, chaos, started);
    return problems;
  } finally {
    await stage.close();
    await proxy.stop();
    await receiver.close();
  }
}

const jobsMade = ({ emulator }: CloudStage) =>
  emulator.requests().filter(({ operation, committed }) => committed && /^Create.*Job$/.test(operation))
    .length;

/** Each at its time, and waits for all of them. */
async function startAll(
  stage: CloudStage,
  runs: readonly PlannedRun[],
  deadline: number,
): Promise<StartedRun[]> {
  const started = await Promise.all(
    runs.map(async (planned): Promise<StartedRun[]> => {
      await sleep(planned.startsAfterMs);
      const { firstExecutionRunId: runId } = await stage.client.workflow.start('trainingPipeline', {
        taskQueue: 'sluice',
        workflowId: planned.name,
        args: [{ pipeline: planned.pipeline, executionMode: 'sagemaker' }],
      });
      const handle = stage.client.workflow.getHandle(planned.name, runId);
      const run: StartedRun = { planned, handle, runId, before: [], wasCancelled: false };
      const ended = watchEnd(run);
      if (planned.sort === 'stopped') void stopByHand(stage, runId, ended.isClosed);
      let next: StartedRun | null = null;
      if (planned.interference !== null) {
        await Promise.race([sleep(planned.interference.afterMs), ended.closed]);
        next = ended.isClosed() ? null : await interfere(stage, run);
      }
      const last = next === null ? ended : watchEnd(next);
      await Promise.race([last.closed, sleep(Math.max(0, deadline - Date.now()))]);
      return next === null ? [run] : [run, next];
    }),
  );
  return started.flat();
}

function watchEnd({ handle }: StartedRun): { closed: Promise<unknown>; isClosed: () => boolean } {
  let isClosed = false;
  const closed = handle.result().then(
    () => (isClosed = true),
    () => (isClosed = true),
  );
  return { closed, isClosed: () => isClosed };
}

/** What a person does in the console when the training has begun. */
async function stopByHand(stage: CloudStage, runId: string, isClosed: () => boolean): Promise<void> {
  const id = runId.replaceAll('-', '');
  const { emulator, endpoint } = stage.emulator;
  while (!isClosed()) {
    await sleep(500);
    const job = jobLives(emulator.ledger.since().filter(({ event }) => event !== 'admin')).findLast(
      ({ stepKey }) => stepKey.endsWith(id) && stepKey.includes('-train-'),
    );
    if (job?.status !== 'InProgress') continue;
    await ask(endpoint, 'StopTrainingJob', { TrainingJobName: job.name }, signedBy(operator)).catch(
      // The connection was dropped: it is tried again.
      () => undefined,
    );
  }
}

const signedBy = (accessKey: string) => {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${accessKey}/${time.slice(0, 8)}/us-east-1/sagemaker/aws4_request`;
  return {
    'x-amz-date': time,
    authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
  };
};

/** What S3 does on the way of a worker; jobs have their own. @param senders - hears who sends the parts of an upload. */
function faultsOfS3(seed: number, senders: Map<string, string>): (seen: SeenRequest) => Fault | null {
  return ({ operation, number, uploadId, client }) => {
    if (operation === 'UploadPart' && uploadId !== null && client !== null) senders.set(uploadId, client);
    const dice = chance(seed, operation, number);
    if (dice < 0.01) return { kind: 'refused', status: 503, code: 'SlowDown' };
    if (dice < 0.015) return { kind: 'refused', status: 500, code: 'InternalError' };
    if (dice < 0.03) return { kind: 'lost' };
    if (dice < 0.04 && operation === 'GetObject') return { kind: 'cut', afterBytes: 10 };
    return null;
  };
}

async function collect(
  stage: CloudStage,
  started: readonly StartedRun[],
  { names, killed }: Chaos,
  { notifications, senders }: Pick<Evidence, 'notifications'> & { senders: ReadonlyMap<string, string> },
): Promise<Evidence> {
  const { clock, ledger } = stage.emulator.emulator;
  const now = { real: Date.now(), cloud: clock.now() };
  // The two clocks of this machine may differ by a moment.
  const toCloudTime = (date: Date) =>
    new Date(now.cloud - (now.real - date.getTime() - 50) * speed).toISOString();
  const problems = await replay(started);
  return {
    ledger: ledger.since(),
    packages: packagesIn(stage),
    runs: await Promise.all(
      started.map(async (run) => ({
        ...(await lookAtRun(run, toCloudTime)),
        replayProblem: problems.get(run.runId) ?? null,
      })),
    ),
    notifications,
    storage: await lookAtStorage(stage, ['model.joblib', 'code/inference.py'], senders),
    ...{ rates, speed, operator, sweeper, killed, workers: [...names.values()] },
  };
}

/** What is needed to find out why. */
async function keepTraces(
  seed: number,
  stage: CloudStage,
  { workers }: Chaos,
  started: readonly StartedRun[],
): Promise<void> {
  const folder = join(projectFolder, 'test-output', `sagemaker-faults-${seed}`);
  await mkdir(folder, { recursive: true });
  const lines = stage.emulator.ledger().map((entry) => JSON.stringify(entry));
  await writeFile(join(folder, 'ledger.jsonl'), lines.join('\n'));
  for (const worker of workers) await writeFile(join(folder, `worker-${worker.pid}.log`), worker.log());
  const runs = await Promise.all(
    started.map(async ({ planned: { name, sort }, handle, runId, before }) => {
      const { closeTime } = await handle.describe();
      const failure = closeTime && (await handle.result().catch((error: unknown) => error));
      return {
        name,
        sort,
        runId,
        before,
        failure: String((failure as Error | undefined)?.cause),
      };
    }),
  );
  await writeFile(join(folder, 'runs.json'), JSON.stringify(runs, null, 2));
  console.log(`traces: ${folder}`);
}
