import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import type { RunReport } from '../../src/core/run.ts';
import { openContainerStage, type ContainerStage } from '../support/container-stage.ts';
import { whyNoDocker } from '../support/docker.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { describePart } from '../support/real-parts.ts';
import { writeFiles } from '../engines/process/fixtures.ts';

const code = {
  // The libraries of another framework than that of training.
  'preprocess.py': `
import numpy as np, sklearn, importlib.util
print("scikit-learn", sklearn.__version__)
rows = np.loadtxt("/opt/ml/processing/input/data/data.csv", delimiter=",")
for name, part in (("train", rows[:150]), ("test", rows[150:])):
    np.savetxt("/opt/ml/processing/output/%s/rows.csv" % name, part, delimiter=",")
`,
  'train.py': `
import argparse, os, numpy as np, xgboost
parser = argparse.ArgumentParser()
parser.add_argument("--max_depth", type=int)
parser.add_argument("--rounds", type=int)
given = parser.parse_args()
rows = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",")
data = xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])
booster = xgboost.train({"max_depth": given.max_depth, "nthread": 1}, data, given.rounds)
booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"))
print("trained by xgboost", xgboost.__version__)
`,
  'evaluate.py': `
import json, tarfile, numpy as np, xgboost
with tarfile.open("/opt/ml/processing/input/model/model.tar.gz") as tar:
    tar.extract("model.json", "/tmp")
booster = xgboost.Booster(model_file="/tmp/model.json")
rows = np.loadtxt("/opt/ml/processing/input/test/rows.csv", delimiter=",")
mse = float(np.mean((booster.predict(xgboost.DMatrix(rows[:, 1:])) - rows[:, 0]) ** 2))
with open("/opt/ml/processing/output/evaluation/evaluation.json", "w") as file:
    json.dump({"metrics": {"mse": mse}}, file)
`,
  // No input_fn, predict_fn or output_fn: those of the framework.
  'inference.py': `
import os, xgboost
def model_fn(folder):
    return xgboost.Booster(model_file=os.path.join(folder, "model.json"))
`,
};

/** y = a + b², on a grid that every run has in the same order. */
const rows = Array.from({ length: 200 }, (_, index) => {
  const [a, b] = [(index * 7) % 20, (index * 3) % 11];
  return [a + b * b, a, b];
});

const pipeline = smallPipeline(
  { framework: { name: 'xgboost', version: '1.7-1' } },
  {
    preprocess: {
      script: 'preprocess.py',
      framework: { name: 'sklearn', version: '1.2-1' },
      input: 'data.csv',
      outputs: ['train', 'test'],
    },
    train: { script: 'train.py', hyperparameters: { max_depth: 3, rounds: 30 } },
    transform: { input: 'batch.csv', contentType: 'text/csv', splitType: 'Line', accept: 'text/csv' },
  },
);

const whyNoProcesses =
  readConfig().frameworkPythons.xgboost === null
    ? 'there is no Python with xgboost; `npm run setup -- xgboost` makes it'
    : undefined;

describePart(
  'the framework xgboost',
  'SLUICE_REQUIRE_XGBOOST',
  whyNoProcesses ?? whyNoDocker,
)('a pipeline of xgboost', () => {
  let stage: ContainerStage;
  beforeAll(async () => {
    stage = await openContainerStage('xgboost');
    writeFiles(join(stage.folder, 'code'), code);
    writeFiles(stage.folder, {
      'data.csv': rows.map((row) => `${row.join(',')}\n`).join(''),
      // A value that is missing, too.
      'batch.csv': '3,2\n19,10\n5,\n',
    });
  });
  afterAll(() => stage.close());

  const run = async (engine: 'container' | 'process') => {
    const worker = await stage.startWorker({ SLUICE_LOCAL_ENGINE: engine });
    const report = (await (await stage.start(pipeline)).result()) as RunReport;
    await worker.stop();
    const answers = await readFile(fileURLToPath(`${report.transform!.output}/batch.csv.out`), 'utf8');
    return { report, answers };
  };

  it('trains, serves and transforms in processes as in containers', { timeout: 600_000 }, async () => {
    const [inContainers, inProcesses] = [await run('container'), await run('process')];
    for (const { report, answers } of [inContainers, inProcesses]) {
      expect(report.outcome).toBe('accepted');
      expect(report.transform!.records).toBe(3);
      const [first, second] = answers.trim().split('\n').map(Number);
      expect(Math.abs(first! - 7)).toBeLessThan(3);
      expect(Math.abs(second! - 119)).toBeLessThan(10);
    }
    expect(inContainers.report.metric!.value).toBeCloseTo(inProcesses.report.metric!.value!, 9);
    expect(inContainers.answers).toBe(inProcesses.answers);
  });
});
