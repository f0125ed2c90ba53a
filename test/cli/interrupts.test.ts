import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { createRoot, held, jsonFrom, type Command, type Root } from './fixtures.ts';

let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

const stuck = () => root.pipeline({ train: 'sleep 300' });
/** Deaf to SIGTERM until the file says otherwise, with a grace that no test waits for. */
const deaf = () => {
  const script = `trap "" TERM; echo train >> "$LEDGER"; ${held}`;
  const environment = { LEDGER: root.ledger, ROOT_MARKER: root.marker };
  const train = { entrypoint: ['/bin/sh', '-c', script], environment, local: { stopGraceSeconds: 900 } };
  return root.pipeline({ train });
};
const training = () => until(() => root.ledgerLines().includes('train'));

/** A run whose training never ends. */
async function startStuck(file = stuck()): Promise<Command> {
  const run = root.start(['run', file, '--json', '--workflow-id', 'stuck']);
  await Promise.race([training(), run.ended]);
  expect(root.jobProcesses(), run.stderr()).not.toEqual([]);
  return run;
}

describe('Ctrl-C', () => {
  it('cancels a run of our own server and waits until its job is gone', async () => {
    const run = await startStuck();
    run.signal('SIGINT');
    const ended = await run.ended;
    expect(root.jobProcesses()).toEqual([]);
    expect(ended.code, ended.stderr).toBe(130);
    expect(ended.stderr).toContain('Cancelling the run');
    expect(jsonFrom(ended)).toMatchObject({ workflowId: 'stuck', outcome: 'canceled' });
    await root.hostGone();
  });

  it('leaves at once when it comes twice, and the run is cancelled none the less', async () => {
    const run = await startStuck(deaf());
    run.signal('SIGINT');
    await until(() => run.stderr().includes('Cancelling'));
    run.signal('SIGINT');
    const ended = await run.ended;
    expect(ended).toMatchObject({ code: 130, stdout: '' });
    // It has not waited for it.
    expect(root.jobProcesses()).not.toEqual([]);
    root.letGo();
    await root.hostGone();
    expect(root.jobProcesses()).toEqual([]);
  });
});

describe('SIGHUP without a terminal, as under nohup', () => {
  it('ends neither a run nor its server', async () => {
    const file = root.pipeline({ train: 'sleep 2; echo a model > "$base/model/m.txt"' });
    const run = root.start(['run', file, '--json']);
    await training();
    run.signal('SIGHUP');
    process.kill(root.host()!.pid, 'SIGHUP');
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(root.ledgerLines()).toEqual(['preprocess', 'train', 'evaluate']);
    await root.hostGone();
  });
});

describe('a server that stays', () => {
  it('lets a run go on without who started it', async () => {
    const dev = await root.dev();
    const run = await startStuck();
    run.signal('SIGINT');
    const ended = await run.ended;
    expect(ended.code).toBe(130);
    expect(jsonFrom(ended)).toMatchObject({ workflowId: 'stuck', outcome: 'running' });
    expect(ended.stderr).toMatch(/the run goes on .*sluice cancel stuck/);
    expect(jsonFrom(await root.sluice('status', 'stuck', '--json'))).toMatchObject({ outcome: 'running' });
    expect(root.jobProcesses()).not.toEqual([]);
    const again = await root.sluice('run', stuck(), '--workflow-id', 'stuck');
    expect(again).toMatchObject({ code: 2, stdout: '' });
    const cancel = await root.sluice('cancel', 'stuck');
    expect(cancel, cancel.stderr).toMatchObject({ code: 0, stdout: 'stuck: canceled\n' });
    expect(root.jobProcesses()).toEqual([]);

    const started = await root.sluice('run', root.pipeline(), '--detach');
    expect(started.code, started.stderr).toBe(0);
    const ref = jsonFrom(started) as { workflowId: string };
    expect(Object.keys(ref)).toEqual(['workflowId', 'runId']);
    const outcome = async () =>
      jsonFrom(await root.sluice('status', ref.workflowId, '--json')).outcome as string;
    await until(async () => (await outcome()) !== 'running');
    expect(await outcome()).toBe('accepted');

    const second = await root.sluice('dev');
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toContain('`sluice dev` runs already');
    dev.signal('SIGINT');
    expect(await dev.ended).toMatchObject({ code: 0 });
    expect(root.host()).toBeNull();
  });
});
