import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { createRoot, jsonFrom, type Root } from './fixtures.ts';

let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

const jobs = () => readdirSync(join(root.home, 'jobs')).filter((name) => !name.startsWith('.'));

describe('sluice clean', () => {
  it('removes the jobs of closed runs, and nothing when it only says what it would do', async () => {
    const ended = await root.sluice('run', root.pipeline(), '--json');
    expect(ended.code, ended.stderr).toBe(0);
    const before = jobs();
    expect(before).toHaveLength(3);
    const dry = await root.sluice('clean', '--dry-run');
    expect(dry.code, dry.stderr).toBe(0);
    for (const job of before) expect(dry.stdout).toContain(`would remove ${job} (ended)`);
    expect(jobs()).toEqual(before);
    const wet = await root.sluice('clean');
    expect(wet.code, wet.stderr).toBe(0);
    expect(jobs()).toEqual([]);
    const { model } = jsonFrom(ended) as { model: string };
    expect(existsSync(join(root.home, 'registry'))).toBe(true);
    expect(model).not.toBeNull();
    expect(await root.sluice('clean')).toMatchObject({ code: 0, stdout: '' });
    await root.hostGone();
  });

  it('keeps the job of an open run, and stops the one of a run that was terminated', async () => {
    const dev = await root.dev();
    const file = root.pipeline({ train: 'sleep 300' });
    await root.sluice('run', file, '--detach', '--workflow-id', 'stuck');
    await until(() => root.ledgerLines().includes('train'));
    const early = await root.sluice('clean');
    expect(early, early.stderr).toMatchObject({ code: 0, stdout: '' });
    expect(root.jobProcesses()).not.toEqual([]);

    // Without its worker nobody notices the end of the run.
    const { address } = root.host()!;
    const terminated = await root.sluice('temporal', 'workflow', 'terminate', '--workflow-id', 'stuck');
    expect(terminated.code, terminated.stderr).toBe(0);
    expect(address).toMatch(/^127\.0\.0\.1:/);
    const cleaned = await root.sluice('clean');
    expect(cleaned.code, cleaned.stderr).toBe(0);
    expect(root.jobProcesses()).toEqual([]);
    expect(jobs()).toEqual([]);
    const status = await root.sluice('status', 'stuck', '--json');
    expect(jsonFrom(status)).toMatchObject({ outcome: 'failed', failure: { code: 'Terminated' } });
    dev.signal('SIGTERM');
    expect(await dev.ended).toMatchObject({ code: 0 });
  });
});
