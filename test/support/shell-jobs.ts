import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../../src/core/expressions.ts';
import { smallPipeline } from './pipelines.ts';
import { processesWith } from './processes.ts';

/** A number of seconds that no other process sleeps: `sleep` and the shell above it are found by it. */
export function uniqueSeconds(seconds: number): string {
  return `${seconds}.${Math.floor(Math.random() * 9e11 + 1e11)}`;
}

export const trainScripts = {
  /** Notes its start, sleeps for `$0` seconds and leaves a model. */
  sleeping: 'echo train >>"$LEDGER"; sleep "$0"; echo m >/opt/ml/model/m; echo train-end >>"$LEDGER"',
  /** The same, until it is let go. */
  held:
    'echo train >>"$LEDGER"; sleep "$0" & until [ -e "$LEDGER.go" ]; do sleep 0.05; done; ' +
    'kill $!; echo m >/opt/ml/model/m; echo train-end >>"$LEDGER"',
  /** A child, and a grandchild that left the session, until a SIGTERM. */
  obeying: 'echo train >>"$LEDGER"; setsid sleep "$0" & sleep "$0" & wait',
  /** The same, deaf. */
  deaf: 'trap "" TERM; echo train >>"$LEDGER"; setsid sleep "$0" & sleep "$0" & wait',
  /** Over at once, but its model, which can't be compressed, takes seconds to be committed. */
  bulky: 'echo train >>"$LEDGER"; head -c 300000000 /dev/urandom >/opt/ml/model/m',
  failing: 'echo train >>"$LEDGER"; exit 3',
} as const;

/**
 * The `sleep` processes of a training with that many seconds. What else has them in its command line comes and goes: the shell that
 * waits to let it go starts a process for each look.
 */
export const sleepers = async (seconds: string) =>
  (await processesWith(seconds)).filter(({ command }) => command.startsWith('sleep'));

export interface ShellRoot {
  /** A pipeline of shell steps that is accepted, if training ends. @param graceSeconds - of its training. */
  pipeline(
    train: keyof typeof trainScripts,
    seconds: string,
    more?: Record<string, Json>,
    graceSeconds?: number,
  ): Record<string, Json>;
  /** Lets the training go that is `held`. */
  letGo(seconds: string): Promise<void>;
  /** What the steps noted: `preprocess`, `train`, `train-end`, `evaluate`. */
  ledgerOf(seconds: string): Promise<string[]>;
}

/** A root with what such pipelines need: no framework, so that a job starts in no time. */
export async function makeShellRoot(root: string): Promise<ShellRoot> {
  await mkdir(join(root, 'code'), { recursive: true });
  await writeFile(join(root, 'code', 'inference.py'), '');
  await writeFile(join(root, 'data.csv'), '1,2\n');
  const ledger = (seconds: string) => join(root, `ledger-${seconds}`);
  const shell = (script: string, seconds: string, stopGraceSeconds = 2) => ({
    entrypoint: ['sh', '-c', script, seconds],
    environment: { LEDGER: ledger(seconds) },
    local: { stopGraceSeconds },
  });
  const report = '/opt/ml/processing/output/evaluation/evaluation.json';
  const evaluation = `echo evaluate >>"$LEDGER"; echo '{"metrics":{"mse":6}}' >${report}`;
  return {
    // Nobody waits for a job that obeys: with this grace, that is seen.
    pipeline: (train, seconds, more = {}, graceSeconds = train === 'obeying' ? 900 : 2) =>
      smallPipeline(
        {},
        {
          preprocess: {
            ...shell('echo preprocess >>"$LEDGER"', seconds),
            input: 'data.csv',
            outputs: ['train', 'test'],
          },
          train: shell(trainScripts[train], seconds, graceSeconds),
          evaluate: { ...shell(evaluation, seconds), report: 'evaluation.json' },
          transform: undefined,
          ...more,
        },
      ),
    letGo: (seconds) => writeFile(`${ledger(seconds)}.go`, ''),
    ledgerOf: async (seconds) => {
      const text = await readFile(ledger(seconds), 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
  };
}
