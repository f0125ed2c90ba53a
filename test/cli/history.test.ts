import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { startReceiver } from '../support/world.ts';
import { createRoot, jsonFrom, type Root } from './fixtures.ts';

let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

/** Looks at the run while the server has no worker, as it has one for whoever only looks. */
async function lookAt(...args: string[]) {
  const command = root.start(args);
  // The host ends soon after the command.
  const hosts = new Set<boolean | undefined>();
  const watch = setInterval(() => hosts.add(root.host()?.hasWorker), 20);
  const ended = await command.ended.finally(() => clearInterval(watch));
  expect(ended.code, ended.stderr).toBe(0);
  hosts.add(root.host()?.hasWorker);
  hosts.delete(undefined);
  expect([...hosts]).toEqual([false]);
  return ended;
}

describe('a run whose worker is gone', () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['rejected', {}, ['--param', 'limit=5.5']],
    ['failed', { train: 'echo no good >&2; exit 7' }, []],
  ])('that was %s is told from its history as it told itself', async (outcome, steps, args) => {
    const receiver = await startReceiver();
    const file = root.pipeline({ ...steps, notify: [{ webhook: receiver.url }] });
    const allowed = { SLUICE_WEBHOOK_ALLOW: '127.0.0.1' };
    const run = await root.start(['run', file, '--json', '--workflow-id', 'one', ...args], allowed).ended;
    await root.hostGone();
    await receiver.close();
    expect(receiver.deliveries).toHaveLength(1);
    const told = jsonFrom(run) as { outcome: string; steps: { seconds: number | null }[] };
    expect(told.outcome).toBe(outcome);
    const status = jsonFrom(await lookAt('status', 'one', '--json')) as typeof told;
    // The server's clock and the workflow's differ by milliseconds.
    const rough = (body: typeof told) => ({
      ...body,
      steps: body.steps.map((step) => ({ ...step, seconds: null })),
    });
    expect(rough(status)).toEqual(rough(told));
    const table = await lookAt('status', 'one');
    expect(table.stdout).toMatch(/^one: pipeline small, mode local$/m);
    if (outcome === 'rejected') expect(table.stdout).toContain('metrics.mse = 6 (accepted if ≤ 5.5)');
    expect((await lookAt('logs', 'one', 'preprocess')).stdout).toContain('prepared the data');
    await root.hostGone();
  });

  it('and that is open does not go on by being looked at, and is cancelled all the same', async () => {
    const file = root.pipeline({ train: 'sleep 300' });
    const run = root.start(['run', file, '--workflow-id', 'open']);
    await until(() => root.ledgerLines().includes('train'));
    const host = root.host()!;
    run.signal('SIGKILL');
    await run.ended;
    process.kill(host.pid, 'SIGKILL');
    await root.hostGone();
    const status = await lookAt('status', 'open', '--json');
    expect(status.stderr).toContain('no worker has it');
    const { steps } = jsonFrom(status) as { steps: { name: string; status: string; jobName: string }[] };
    expect(steps.find(({ name }) => name === 'train')).toMatchObject({
      status: 'running',
      jobName: expect.stringMatching(/^small-train-/),
    });
    expect((await lookAt('clean', '--dry-run')).stdout).toBe('');
    expect(root.jobProcesses()).not.toEqual([]);
    expect(await root.sluice('cancel', 'open')).toMatchObject({ code: 0, stdout: 'open: canceled\n' });
    expect(root.jobProcesses()).toEqual([]);
    await root.hostGone();
  });
});
