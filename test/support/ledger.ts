import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Json } from '../../src/core/expressions.ts';
import { smallPipeline } from './pipelines.ts';

/** Where scripts note what they do. */
export interface Ledger {
  /** `LEDGER` of the scripts: a file, or `host:port`. */
  readonly address: string;
  entries(): Promise<Entry[]>;
  close(): Promise<void>;
}

/** One line of the ledger: which run's which step began or ended. The scripts write it themselves. */
export interface Entry {
  run: string;
  step: string;
  what: 'start' | 'end';
}

const common = (step: string, seconds: number) => `
import os, socket, sys, time
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))

def note(what):
    line = f"{os.environ['RUN']} ${step} {what}\\n".encode()
    where = os.environ["LEDGER"]
    if where.startswith("/"):
        ledger = os.open(where, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(ledger, line)
        os.close(ledger)
    else:
        host, port = where.split(":")
        with socket.create_connection((host, int(port)), 10) as ledger:
            ledger.sendall(line)
            # It is written when the answer is there.
            assert ledger.recv(1) == b"."

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

/** A file, for scripts that run on this machine as they are. */
export async function openFileLedger(path: string): Promise<Ledger> {
  await writeFile(path, '');
  return {
    address: path,
    entries: async () => entriesOf(await readFile(path, 'utf8')),
    close: () => Promise.resolve(),
  };
}

/** A server, for scripts in containers, that listens on an address which they reach. */
export async function openServedLedger(host: string): Promise<Ledger> {
  let text = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (line: Buffer) => {
      text += line.toString();
      socket.write('.');
    });
  }).listen(0, host);
  await once(server, 'listening');
  return {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    entries: () => Promise.resolve(entriesOf(text)),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function entriesOf(text: string): Entry[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [run, step, what] = line.split(' ') as [string, string, 'start' | 'end'];
    return { run, step, what };
  });
}

/** A root with a pipeline whose scripts keep a ledger of their starts and ends. */
export async function makeLedgerRoot(root: string, ledger: Ledger): Promise<Record<string, Json>> {
  await mkdir(join(root, 'code'), { recursive: true });
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(root, 'code', name), text);
  await writeFile(join(root, 'data.csv'), '1,2\n');
  await writeFile(join(root, 'batch.csv'), '1\n2\n3\n4\n5\n');
  const environment = { LEDGER: ledger.address, RUN: { Get: 'Parameters.run' } };
  const local = { stopGraceSeconds: 2 };
  return smallPipeline(
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
}

/** What a run that passes notes, whoever died meanwhile: each job started once. */
export const notedOnce = {
  'preprocess start': 1,
  'preprocess end': 1,
  'train start': 1,
  'train end': 1,
  'evaluate start': 1,
  'evaluate end': 1,
  'serve start': 1,
};

/** How often each was noted, by one run or by all. */
export function notedOf(entries: readonly Entry[], only?: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { run, step, what } of entries) {
    if ((only ?? run) === run) counts[`${step} ${what}`] = (counts[`${step} ${what}`] ?? 0) + 1;
  }
  return counts;
}
