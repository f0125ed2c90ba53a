import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { CancelledFailure, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectFolder, readConfig } from '../../src/config.ts';
import type { RunReport } from '../../src/core/run.ts';
import { frameworkTag } from '../../src/engines/container/images.ts';
import { command } from '../support/commands.ts';
import {
  makeShellFiles,
  openContainerStage,
  shellPipeline,
  type ContainerStage,
} from '../support/container-stage.ts';
import { containerLog, describeDocker, dockerApi, dockerDo, held, letGo } from '../support/docker.ts';
import type { Running } from '../support/stack.ts';
import { until } from '../support/until.ts';

const enginesOf = ({ steps }: RunReport) => [
  ...new Set(steps.flatMap(({ engine }) => (engine === null ? [] : [engine]))),
];

describeDocker('the example in containers', () => {
  let stage: ContainerStage;
  beforeAll(async () => {
    stage = await openContainerStage('container-abalone', { root: projectFolder });
  });
  afterAll(() => stage.close());

  const run = async (engine: 'container' | 'process') => {
    const worker = await stage.startWorker({ SLUICE_LOCAL_ENGINE: engine });
    const handle = await stage.start('examples/abalone/pipeline.json');
    const report = (await handle.result()) as RunReport;
    await worker.stop();
    expect(enginesOf(report)).toEqual([engine]);
    return report;
  };

  it(
    'is accepted with the same error as in processes, and leaves neither container nor network',
    { timeout: 300_000 },
    async () => {
      const inContainers = await run('container');
      expect(inContainers.outcome).toBe('accepted');
      expect(inContainers.transform!.records).toBe(200);
      expect(await stage.containers()).toEqual([]);
      expect(await stage.networks()).toEqual([]);

      const inProcesses = await run('process');
      const versions = { container: await versionsInImage(), process: await versionsHere() };
      const said = `in containers ${inContainers.metric!.value} (${versions.container}), in processes ${inProcesses.metric!.value} (${versions.process})`;
      console.log(`mean squared error: ${said}`);
      // A framework image on another base may have another scikit-learn, and then other trees.
      const digits = sklearnOf(versions.container) === sklearnOf(versions.process) ? 9 : 0;
      expect(inContainers.metric!.value, said).toBeCloseTo(inProcesses.metric!.value!, digits);
    },
  );
});

const printVersions =
  'import sys, sklearn, numpy; print("scikit-learn", sklearn.__version__, "numpy", numpy.__version__)';
const sklearnOf = (versions: string) => /scikit-learn (\S+)/.exec(versions)![1];

async function versionsHere(): Promise<string> {
  const { stdout } = await command(readConfig().python!, ['-c', printVersions]);
  return stdout.trim();
}

async function versionsInImage(): Promise<string> {
  const image = await frameworkTag('sluice/sklearn:1.2-1', join(projectFolder, 'images'), null);
  const made = await dockerDo('POST', '/containers/create', {
    Image: image,
    Cmd: ['python3', '-c', printVersions],
  });
  const { Id } = made.json() as { Id: string };
  try {
    await dockerDo('POST', `/containers/${Id}/start`);
    await dockerDo('POST', `/containers/${Id}/wait`);
    return (await containerLog(Id)).stdout.trim();
  } finally {
    await dockerApi('DELETE', `/containers/${Id}?force=1`);
  }
}

/** PID 1 of a container ignores SIGTERM unless it says otherwise. */
const obeying = `trap 'echo ended; exit 0' TERM; echo began; sleep 3600 & wait`;
const deaf = `trap '' TERM; echo began; sleep 3600 & wait`;
const finishing = 'echo m >/opt/ml/model/m; echo train ended';
/** When it is let go. */
const waiting = `echo began; ${held}; ${finishing}`;

describeDocker('a run in containers that is ended from outside', () => {
  let stage: ContainerStage;
  beforeAll(async () => {
    stage = await openContainerStage('container-cancel');
    await makeShellFiles(stage.folder);
    await stage.startContainerWorker();
  });
  afterAll(() => stage.close());

  const startTraining = async (train: string) => {
    const handle = await stage.start(shellPipeline(train, {}, train === obeying ? 900 : 2));
    await stage.said('train', handle, 'began');
    return handle;
  };

  /** How the run ended, and which of its containers were there at that moment. */
  const ending = async (handle: WorkflowHandle) => {
    const asked = Date.now();
    await handle.cancel();
    const error: unknown = await handle.result().catch((reason: unknown) => reason);
    const took = Date.now() - asked;
    const left = await stage.containers();
    return {
      canceled: error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
      took,
      left,
    };
  };

  it('closes as canceled when the container of a script that obeys is gone, and does not wait for its grace', async () => {
    const { canceled, took, left } = await ending(await startTraining(obeying));
    console.log(`from cancel to closed: ${took} ms`);
    expect(left).toEqual([]);
    expect(canceled).toBe(true);
  });

  it('closes as canceled when a script that ignores SIGTERM was killed after its grace of 2 s', async () => {
    const { canceled, took, left } = await ending(await startTraining(deaf));
    console.log(`from cancel to closed, with a grace of 2 s: ${took} ms`);
    expect(left).toEqual([]);
    expect(canceled).toBe(true);
    expect(took).toBeGreaterThan(1900);
  });

  it('leaves nothing when it is terminated while a worker is there', async () => {
    const handle = await startTraining(obeying);
    await handle.terminate('by a test');
    await until(async () => (await stage.containers()).length === 0);
  });
});

describeDocker('a run in containers whose worker is replaced', () => {
  let stage: ContainerStage;
  beforeAll(async () => {
    stage = await openContainerStage('container-restarts');
    await makeShellFiles(stage.folder);
  });
  afterAll(() => stage.close());

  const taken = async (handle: WorkflowHandle, { pid }: Running) => {
    const { raw } = await handle.describe();
    return (raw.pendingActivities ?? []).some(
      ({ lastWorkerIdentity }) => lastWorkerIdentity?.endsWith(`:${pid}`) === true,
    );
  };
  const startOf = async (id: string) =>
    ((await dockerDo('GET', `/containers/${id}/json`)).json() as { State: { StartedAt: string } }).State
      .StartedAt;

  it.each([
    ['leaves its container running at SIGTERM of the worker, and the next one adopts it', 'container'],
    ['goes on in containers when the next worker is set to processes', 'process'],
  ])('%s', async (_, nextEngine) => {
    const first = await stage.startContainerWorker();
    const handle = await stage.start(shellPipeline(waiting));
    const container = await stage.said('train', handle, 'began');
    const started = await startOf(container.Id);
    await first.stop();
    expect(await stage.containers()).toMatchObject([{ Id: container.Id, State: 'running' }]);

    const next = await stage.startWorker({ SLUICE_LOCAL_ENGINE: nextEngine });
    await until(() => taken(handle, next));
    expect(await stage.containers()).toMatchObject([{ Id: container.Id, State: 'running' }]);
    expect(await startOf(container.Id)).toBe(started);
    await letGo(container.Id);
    const report = (await handle.result()) as RunReport;
    expect(report.outcome).toBe('accepted');
    expect(enginesOf(report)).toEqual(['container']);
    expect(await stage.containers()).toEqual([]);
    await next.stop();
  });

  it('adopts a container that ended while no worker was there', async () => {
    const first = await stage.startContainerWorker();
    const handle = await stage.start(shellPipeline(waiting));
    const { Id } = await stage.said('train', handle, 'began');
    await first.kill();
    await letGo(Id);
    await until(async () => (await stage.containers()).every(({ State }) => State === 'exited'));
    // It stays until somebody has its outputs.
    expect(await stage.containers()).toMatchObject([{ Id }]);
    const next = await stage.startContainerWorker();
    expect(((await handle.result()) as RunReport).outcome).toBe('accepted');
    expect(await stage.containers()).toEqual([]);
    await next.stop();
  });
});

describeDocker('a worker that chooses the engine by itself', () => {
  let stage: ContainerStage;
  beforeAll(async () => {
    stage = await openContainerStage('container-auto');
    await makeShellFiles(stage.folder);
  });
  afterAll(() => stage.close());

  const runWith = async (env: Record<string, string>) => {
    const worker = await stage.startWorker({ SLUICE_LOCAL_ENGINE: 'auto', ...env });
    const report = (await (await stage.start(shellPipeline(finishing))).result()) as RunReport;
    await worker.stop();
    const line = worker
      .log()
      .split('\n')
      .find((text) => text.includes('"local engine"'));
    return { report, said: JSON.parse(line!) as { engine: string; reason: string } };
  };

  it('takes containers when an engine answers, and says where', async () => {
    const { report, said } = await runWith({});
    expect(enginesOf(report)).toEqual(['container']);
    expect(said.engine).toBe('container');
    expect(said.reason).toContain('it answers at unix://');
  });

  it('takes processes when DOCKER_HOST is a dead socket, and says so', async () => {
    const socket = await makeDeadSocket(stage.folder);
    const { report, said } = await runWith({ DOCKER_HOST: `unix://${socket}` });
    expect(enginesOf(report)).toEqual(['process']);
    expect(said.engine).toBe('process');
    expect(said.reason).toContain(`unix://${socket}`);
    expect(said.reason).toContain('DOCKER_HOST');
  });
});

/** The socket of a server that was killed: the file is there, and nobody answers. */
async function makeDeadSocket(folder: string): Promise<string> {
  const path = join(folder, 'dead.sock');
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await command(process.execPath, ['-e', program]);
  return path;
}
