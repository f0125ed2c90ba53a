import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { createRoot, type Command, type Root } from '../cli/fixtures.ts';
import { browser, describeBrowser, lookAt, withPage } from '../support/browser.ts';
import { until } from '../support/until.ts';

const output = join(projectFolder, 'test-output', 'web-ui');
const secret = 'PLAINTEXT-4711';
const keys = { SLUICE_ENCRYPTION_KEYS: `now:${randomBytes(32).toString('base64')}` };

describeBrowser('the Web UI of `sluice dev` with keys', () => {
  let root: Root;
  let uiUrl: string;
  let run: string;
  const commands: Command[] = [];
  beforeAll(async () => {
    await mkdir(output, { recursive: true });
    root = createRoot();
    commands.push(root.start(['dev'], keys));
    await until(() => root.host()?.lasting === true);
    ({ uiUrl } = JSON.parse(await readFile(join(root.home, 'dev/server.json'), 'utf8')) as { uiUrl: string });
    const pipeline = JSON.parse(await readFile(root.pipeline({ register: undefined }), 'utf8')) as object;
    // At its beginning, since the page has only the lines that can be seen.
    const file = root.write('pipeline.json', JSON.stringify({ description: secret, ...pipeline }));
    const started = root.start(['run', file, '--json'], keys);
    const { stdout, stderr, code } = await started.ended;
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const { workflowId, runId } = JSON.parse(stdout) as { workflowId: string; runId: string };
    run = `${uiUrl}/namespaces/default/workflows/${workflowId}/${runId}/history`;
  });
  afterAll(async () => {
    for (const command of commands.reverse()) command.signal('SIGTERM');
    await Promise.all(commands.map(({ ended }) => ended));
    await root.remove();
  });

  const look = (name: string, expected: string) =>
    withPage(browser!, (page) => lookAt(page, run, join(output, `${name}.png`), expected));

  it('shows nothing of a run without the codec server, and all of it with it', async () => {
    const without = await look('encrypted', 'trainingPipeline');
    expect(without).not.toContain(secret);
    const codec = root.start(['codec-server', '--origin', uiUrl], keys);
    commands.push(codec);
    await until(() => codec.stdout().includes('Codec server at http://127.0.0.1:8081'));
    expect(await look('decrypted', secret)).toContain(secret);
  });
});
