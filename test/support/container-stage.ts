import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { Json } from '../../src/core/expressions.ts';
import { dockerDo, listContainers, listNetworks, removeContainers, type ListedContainer } from './docker.ts';
import { smallPipeline } from './pipelines.ts';
import type { Running } from './stack.ts';
import { openStage, type Stage } from './stage.ts';
import { until } from './until.ts';

/** A stage whose jobs run in containers. */
export interface ContainerStage extends Stage {
  startContainerWorker(env?: Record<string, string>): Promise<Running>;
  start(pipeline: Json): Promise<WorkflowHandle>;
  /** The containers of its jobs, ended ones too. */
  containers(): Promise<ListedContainer[]>;
  networks(): Promise<string[]>;
  /** Waits until the container of the run's step has written this, and returns it. */
  said(step: string, handle: WorkflowHandle, text: string): Promise<ListedContainer>;
}

export async function openContainerStage(
  name: string,
  options: { root?: string } = {},
): Promise<ContainerStage> {
  const stage = await openStage(name, options);
  const label = `sluice.home=${join(stage.home, 'jobs')}`;
  const containers = () => listContainers(label);
  const logOf = async ({ Id }: ListedContainer) =>
    (await dockerDo('GET', `/containers/${Id}/logs?stdout=1&stderr=1`)).text();
  return {
    ...stage,
    startContainerWorker: (env) => stage.startWorker({ SLUICE_LOCAL_ENGINE: 'container', ...env }),
    start: (pipeline) =>
      stage.client.workflow.start('trainingPipeline', {
        taskQueue: 'sluice',
        workflowId: `${name}-${randomUUID()}`,
        args: [{ pipeline }],
      }),
    containers,
    networks: () => listNetworks(label),
    close: async () => {
      await stage.close();
      await removeContainers(label);
    },
    said: async (step, { workflowId }, text) => {
      const find = async () =>
        (await containers()).find(
          ({ Labels }) => Labels['sluice:workflow-id'] === workflowId && Labels['sluice:step'] === step,
        );
      const hasSaid = async () => {
        const found = await find();
        return found?.State === 'running' && (await logOf(found)).includes(text);
      };
      await until(hasSaid);
      return (await find())!;
    },
  };
}

/** A root whose every step is one line of shell. */
export async function makeShellFiles(root: string): Promise<void> {
  await mkdir(join(root, 'code'), { recursive: true });
  await writeFile(join(root, 'code', 'inference.py'), '');
  await writeFile(join(root, 'data.csv'), '1,2\n');
}

/** Steps in containers that are accepted, if training ends. */
export function shellPipeline(
  train: string,
  more: Record<string, Json> = {},
  stopGraceSeconds = 2,
): Record<string, Json> {
  const shell = (script: string) => ({ entrypoint: ['sh', '-c', script], local: { stopGraceSeconds } });
  const report = '/opt/ml/processing/output/evaluation/evaluation.json';
  return smallPipeline(more, {
    preprocess: { ...shell('echo "preprocess began"'), input: 'data.csv', outputs: ['train', 'test'] },
    train: shell(train),
    evaluate: { ...shell(`echo '{"metrics":{"mse":6}}' >${report}`), report: 'evaluation.json' },
    transform: undefined,
  });
}
