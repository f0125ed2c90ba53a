import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { python } from '../engines/process/fixtures.ts';
import { until } from '../support/until.ts';
import { commandEnvironment, createRoot, program, type Root } from './fixtures.ts';
import { screenAfter } from './screen.ts';

let root: Root;
let close: (() => void) | undefined;
beforeEach(() => {
  root = createRoot();
});
afterEach(async () => {
  close?.();
  await root.remove();
});

/** A command on a terminal of its own. */
function onTerminal(...args: string[]) {
  const script = join(projectFolder, 'test/cli/terminal.py');
  const child = spawn(python, [script, process.execPath, program, ...args], {
    cwd: root.path,
    env: { ...commandEnvironment(root.path), TERM: 'xterm-256color' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  close = () => void child.kill();
  let written = '';
  child.stdout.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    ended,
    screen: () => screenAfter(written),
    /** How often the row was drawn. */
    drawn: (row: RegExp) => written.match(row)?.length ?? 0,
    type: (keys: string) => void child.stdin.write(keys),
  };
}

const rowsOf = (screen: readonly string[], step: string) =>
  screen.filter((line) => new RegExp(`^\\S ${step} `).test(line));

describe('sluice run on a terminal', () => {
  it('shows one table of the steps, rewritten while time goes on, and what Ctrl-C does', async () => {
    const run = onTerminal('run', root.pipeline({ train: 'sleep 300' }), '--workflow-id', 'seen');
    const training = /^▶ train\s+running\s+process\s+(\d+) s\s+small-train-\w+$/;
    const seconds = () => Number(training.exec(rowsOf(run.screen(), 'train')[0] ?? '')?.[1] ?? -1);
    await until(() => seconds() >= 1);
    await until(() => seconds() >= 3);
    const screen = run.screen();
    expect(rowsOf(screen, 'preprocess')).toEqual([
      expect.stringMatching(/^✓ preprocess\s+succeeded\s+process\s+\d+\.\d s\s+small-preprocess-\w+$/),
    ]);
    expect(rowsOf(screen, 'train')).toHaveLength(1);
    expect(rowsOf(screen, 'evaluate')).toEqual([expect.stringMatching(/^· evaluate\s+pending$/)]);
    expect(screen.join('\n')).toContain('Run seen: ');
    expect(run.drawn(/▶.{0,10} train/g)).toBeGreaterThanOrEqual(3);

    run.type('\u0003');
    expect(await run.ended).toBe(130);
    const left = run.screen();
    expect(left.filter((line) => line.includes('Cancelling the run and waiting until its job'))).toHaveLength(
      1,
    );
    expect(rowsOf(left, 'train')).toEqual([
      expect.stringMatching(/^■ train\s+canceled\s+process\s+\d+\.\d s/),
    ]);
    expect(rowsOf(left, 'evaluate')).toEqual([expect.stringMatching(/^– evaluate\s+skipped$/)]);
    expect(root.jobProcesses()).toEqual([]);
  });

  it('leaves the last state of the table and the outcome on the screen', async () => {
    const run = onTerminal('run', root.pipeline());
    expect(await run.ended).toBe(0);
    const screen = run.screen();
    for (const step of ['preprocess', 'train', 'evaluate', 'condition', 'createModel', 'register'])
      expect(rowsOf(screen, step), step).toEqual([expect.stringMatching(/^✓ \w+\s+succeeded/)]);
    expect(screen.filter((line) => line.includes('metrics.mse = 6')).length).toBeGreaterThan(0);
    expect(screen.length).toBeLessThan(20);
  });
});

it('piped, sluice run writes plain lines', async () => {
  const run = await root.sluice('run', root.pipeline());
  expect(run.code, run.stderr).toBe(0);
  expect(run.stdout + run.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  const lines = run.stderr.split('\n');
  expect(lines.filter((line) => line.startsWith('train: '))).toEqual([
    expect.stringMatching(/^train: running \(process, small-train-\w+\)$/),
    expect.stringMatching(/^train: succeeded in \d+\.\d s$/),
  ]);
});
