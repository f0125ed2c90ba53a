import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { createRoot } from './fixtures.ts';

const root = createRoot();
afterAll(() => root.remove());

describe('sluice temporal', () => {
  it('passes its arguments and the exit code through', async () => {
    const version = await root.sluice('temporal', '--version');
    expect(version.code).toBe(0);
    expect(version.stdout).toMatch(/^temporal version/);
    const failing = await root.sluice('temporal', 'no-such-command');
    expect(failing.code).toBe(1);
    expect(failing.stderr).toContain('unknown command');
    expect(failing.stderr).not.toMatch(/^error: /m);
  });

  it('leaves the help to the Temporal CLI', async () => {
    const { code, stdout } = await root.sluice('temporal', 'workflow', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('temporal workflow');
  });
});

describe('sluice doctor', () => {
  it('says what is there and starts nothing', async () => {
    const { code, stdout, stderr } = await root.sluice('doctor');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^(ok|note) +process isolation +(namespaces|none)/m);
    expect(stdout).toMatch(/^note +Temporal server +none runs/m);
    expect(root.host()).toBeNull();
  });
});

describe('output', () => {
  it('may be cut off by who reads it', async () => {
    const program = join(projectFolder, 'dist/cli.js');
    const script = `"$0" "$1" models list --json | true; "$0" "$1" --help | head -c 1`;
    const options = { env: { ...process.env, SLUICE_ROOT: root.path }, cwd: root.path };
    const args = ['-c', script, process.execPath, program];
    expect(await promisify(execFile)('/bin/sh', args, options)).toEqual({ stdout: 'U', stderr: '' });
  });

  it('has help and version on stdout', async () => {
    expect(await root.sluice('--version')).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
    const help = await root.sluice('run', '--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--detach');
  });
});
