import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const sh = (script) => ({ entrypoint: ['/bin/sh', '-c', script] });
/** Steps that do nothing. */
export const pipeline = {
  name: 'bench',
  framework: { name: 'sklearn', version: '1.2-1' },
  code: 'code',
  steps: {
    preprocess: { ...sh(':'), input: 'data.csv', outputs: ['train', 'test'] },
    train: sh(':'),
    evaluate: {
      ...sh(`echo '{"mse": 1}' > "\${SAGEMAKER_BASE_DIR:-/opt/ml}/processing/output/evaluation/report.json"`),
      report: 'report.json',
    },
    condition: { metric: 'mse', lessThan: 2 },
    createModel: { script: 'inference.py' },
    register: { group: 'bench' },
  },
};

/** A root with what the pipeline names. */
export async function makeRoot() {
  const path = await mkdtemp(join(tmpdir(), 'sluice-bench-root-'));
  await mkdir(join(path, 'code'));
  await writeFile(join(path, 'code', 'inference.py'), '');
  await writeFile(join(path, 'data.csv'), '1\n');
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Starts so many runs at once and waits for them. @returns how many were accepted. */
export async function startRuns(client, taskQueue, count) {
  const handles = await Promise.all(
    Array.from({ length: count }, () =>
      client.workflow.start('trainingPipeline', {
        taskQueue,
        workflowId: `bench-${randomUUID()}`,
        args: [{ pipeline }],
      }),
    ),
  );
  const reports = await Promise.all(handles.map((handle) => handle.result()));
  return reports.filter(({ outcome }) => outcome === 'accepted').length;
}
