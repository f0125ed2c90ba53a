import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { python } from '../engines/process/fixtures.ts';
import { until } from '../support/until.ts';
import { commandEnvironment, createRoot, held, program, type Root } from './fixtures.ts';
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
    /** Whether the person sees where they type. */
    showsCursor: () => (written.match(/\u001b\[\?25[hl]/g)?.at(-1) ?? '').endsWith('h'),
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
    let screen: string[] = [];
    /** Of a whole table: what was read may end in the middle of one. */
    const seconds = () => {
      screen = run.screen();
      if (rowsOf(screen, 'notify').length === 0) return -1;
      return Number(training.exec(rowsOf(screen, 'train')[0] ?? '')?.[1] ?? -1);
    };
    await until(() => seconds() >= 1);
    const drawn = () => run.drawn(/▶.{0,10} train/g);
    await until(() => seconds() >= 3 && drawn() >= 3);
    expect(rowsOf(screen, 'preprocess')).toEqual([
      expect.stringMatching(/^✓ preprocess\s+succeeded\s+process\s+\d+\.\d s\s+small-preprocess-\w+$/),
    ]);
    expect(rowsOf(screen, 'train')).toHaveLength(1);
    expect(rowsOf(screen, 'evaluate')).toEqual([expect.stringMatching(/^· evaluate\s+pending$/)]);
    expect(screen.join('\n')).toContain('Run seen: ');

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

  it('leaves at once at the second Ctrl-C, with the cursor where a person types', async () => {
    // Deaf to SIGTERM, with a grace that nobody waits for.
    const train = {
      entrypoint: [...['/bin/sh', '-c'], `trap "" TERM; echo train >> "$LEDGER"; ${held}`],
      environment: { LEDGER: root.ledger, ROOT_MARKER: root.marker },
      local: { stopGraceSeconds: 900 },
    };
    const run = onTerminal('run', root.pipeline({ train }));
    await until(() => root.ledgerLines().includes('train'));
    await until(() => rowsOf(run.screen(), 'train').some((row) => row.includes('running')));
    expect(run.showsCursor()).toBe(false);
    run.type('\u0003');
    await until(() => run.screen().some((line) => line.includes('Cancelling the run')));
    run.type('\u0003');
    expect(await run.ended).toBe(130);
    expect(run.showsCursor()).toBe(true);
    expect(root.jobProcesses()).not.toEqual([]);
    root.letGo();
    await root.hostGone();
    expect(root.jobProcesses()).toEqual([]);
  });

  it('only stops following at Ctrl-C where the server stays', async () => {
    const dev = await root.dev();
    const run = onTerminal('run', root.pipeline({ train: 'sleep 300' }), '--workflow-id', 'left');
    await until(() => rowsOf(run.screen(), 'train').some((row) => row.includes('running')));
    run.type('\u0003');
    expect(await run.ended).toBe(130);
    expect(run.screen().join('\n')).toMatch(/the run goes on .*sluice cancel left/);
    expect(await root.sluice('cancel', 'left')).toMatchObject({ code: 0 });
    dev.signal('SIGTERM');
    await dev.ended;
  });

  it('leaves the last state of the table and the outcome on the screen, and nothing of what jobs print', async () => {
    const loud = 'seq -f "noise %g" 20000; seq -f "noise %g" 20000 >&2; echo a model > "$base/model/m.txt"';
    const run = onTerminal('run', root.pipeline({ train: loud }));
    expect(await run.ended).toBe(0);
    expect(run.screen().join('\n')).not.toContain('noise');
    const screen = run.screen();
    for (const step of ['preprocess', 'train', 'evaluate', 'condition', 'createModel', 'register'])
      expect(rowsOf(screen, step), step).toEqual([expect.stringMatching(/^✓ \w+\s+succeeded/)]);
    expect(screen.filter((line) => line.includes('metrics.mse = 6')).length).toBeGreaterThan(0);
    expect(screen.length).toBeLessThan(20);
  });
});

it('sluice dev on a terminal says what it serves, and ends at Ctrl-C', async () => {
  const dev = onTerminal('dev');
  await until(() => dev.screen().some((line) => line.includes('Ctrl-C ends server and worker.')));
  const screen = dev.screen().join('\n');
  for (const line of [/^Temporal +127\.0\.0\.1:\d+$/m, /^Web UI +http:/m, /^Task queue +sluice$/m])
    expect(screen).toMatch(line);
  dev.type('\u0003');
  expect(await dev.ended).toBe(0);
  expect(dev.screen().join('\n')).toContain('Stopping worker and server');
  expect(root.host()).toBeNull();
});

it('piped, sluice run writes plain lines', async () => {
  const command = root.start(['run', root.pipeline({ train: held })]);
  await until(() => command.stderr().includes('train: running'));
  root.letGo();
  const run = await command.ended;
  expect(run.code, run.stderr).toBe(0);
  expect(run.stdout + run.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  const lines = run.stderr.split('\n');
  expect(lines.filter((line) => line.startsWith('train: '))).toEqual([
    expect.stringMatching(/^train: running \(process, small-train-\w+\)$/),
    expect.stringMatching(/^train: succeeded in \d+\.\d s$/),
  ]);
});
