import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../../src/core/expressions.ts';
import { smallPipeline } from './pipelines.ts';

/** One line of the ledger: which run's which step began or ended. The scripts write it themselves. */
export interface Entry {
  run: string;
  step: string;
  what: 'start' | 'end';
}

const common = (step: string, seconds: number) => `
import os, sys, time
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))

def note(what):
    line = f"{os.environ['RUN']} ${step} {what}\\n".encode()
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, line)
    os.close(ledger)

note("start")
time.sleep(${seconds})
`;

const scripts = {
  'preprocess.py': `${common('preprocess', 1.2)}
for name in ("train", "test"):
    (BASE / "processing/output" / name / "data.csv").write_text("1,2\\n" * 1000)
note("end")
`,
  'train.py': `${common('train', 1.2)}
Path(os.environ["SM_MODEL_DIR"], "model.bin").write_bytes(os.urandom(20_000_000))
note("end")
`,
  'evaluate.py': `${common('evaluate', 1.2)}
(BASE / "processing/output/evaluation/evaluation.json").write_text('{"metrics": {"mse": 6}}')
note("end")
`,
  'inference.py': `${common('serve', 0.5)}
def model_fn(model_dir):
    return "a model"

def input_fn(body, content_type):
    return body.decode().splitlines() if isinstance(body, bytes) else body.splitlines()

def predict_fn(rows, model):
    time.sleep(0.2)
    return rows

def output_fn(rows, accept):
    return "\\n".join(rows) + "\\n"
`,
};

/** A root with a pipeline whose scripts keep a ledger of their starts and ends. */
export async function makeLedgerRoot(
  root: string,
): Promise<{ pipeline: Record<string, Json>; ledger: string; entries(): Promise<Entry[]> }> {
  await mkdir(join(root, 'code'), { recursive: true });
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(root, 'code', name), text);
  await writeFile(join(root, 'data.csv'), '1,2\n');
  await writeFile(join(root, 'batch.csv'), '1\n2\n3\n4\n5\n');
  const ledger = join(root, 'ledger.txt');
  await writeFile(ledger, '');
  const environment = { LEDGER: ledger, RUN: { Get: 'Parameters.run' } };
  const local = { stopGraceSeconds: 2 };
  const pipeline = smallPipeline(
    { parameters: { run: { type: 'String' } } },
    {
      preprocess: {
        script: 'preprocess.py',
        input: 'data.csv',
        outputs: ['train', 'test'],
        environment,
        local,
      },
      train: { script: 'train.py', environment, local },
      evaluate: { script: 'evaluate.py', report: 'evaluation.json', environment, local },
      createModel: { script: 'inference.py', environment },
      transform: {
        input: 'batch.csv',
        splitType: 'Line',
        assembleWith: 'Line',
        strategy: 'SingleRecord',
        environment: { SAGEMAKER_MODEL_SERVER_WORKERS: '1' },
        local,
      },
    },
  );
  const entries = async () =>
    (await readFile(ledger, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [run, step, what] = line.split(' ') as [string, string, 'start' | 'end'];
        return { run, step, what };
      });
  return { pipeline, ledger, entries };
}
