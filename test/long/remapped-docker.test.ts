import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createConnector } from '../../src/engines/container/connect.ts';
import { unset } from '../engines/container/docker-folder.ts';
import { createContainerBench, shell, writeFiles } from '../engines/container/jobs.ts';
import {
  describeSecondEngine,
  secondEngineHost,
  startSecondEngine,
  tinyImage,
  type SecondEngine,
} from '../support/second-engine.ts';

/** Root of its containers is this user, whom the engine alone knows. */
const firstId = 654_321;

describeSecondEngine('an engine with userns-remap', () => {
  const folder = mkdtempSync('/tmp/sluice-remapped-');
  const bench = createContainerBench({
    connect: createConnector(unset(folder, { host: secondEngineHost(folder) })),
  });
  let engine: SecondEngine | undefined;
  beforeAll(async () => {
    // The user of its containers passes through all of the folders.
    chmodSync(folder, 0o711);
    chmodSync(bench.folder, 0o755);
    const lines = {
      passwd: `sluice-remap:x:${firstId}:${firstId}::/:/bin/sh`,
      group: `sluice-remap:x:${firstId}:`,
      subuid: `sluice-remap:${firstId}:65536`,
      subgid: `sluice-remap:${firstId}:65536`,
    };
    for (const [name, line] of Object.entries(lines)) {
      const kept = name.startsWith('sub') ? '' : readFileSync(join('/etc', name), 'utf8');
      writeFileSync(join(folder, name), `${kept}${line}\n`);
    }
    const mounts = Object.keys(lines).map((name) => `mount --bind ${folder}/${name} /etc/${name}`);
    const options = ['--userns-remap', 'sluice-remap'];
    engine = await startSecondEngine({ folder, prepare: mounts.join('\n'), options });
  }, 120_000);
  afterAll(async () => {
    await engine?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("mounts what everybody may read, is sent what only the owner may, and the outputs are the owner's", async () => {
    const open = writeFiles(join(bench.folder, 'open'), { 'a.csv': 'open\n' });
    const own = writeFiles(join(bench.folder, 'own'), { 'a.csv': 'own\n' });
    chmodSync(join(own, 'a.csv'), 0o600);
    const out = join(bench.folder, 'out');
    const script = `cd /opt/ml/processing; cat input/open/a.csv input/own/a.csv > output/out/read
      cat /proc/self/uid_map > output/out/uids; cat /proc/mounts > output/out/mounts`;
    const job = shell(script, { image: tinyImage, inputs: { open, own }, outputs: { out } });
    expect(await bench.run('remapped', job)).toMatchObject({ status: 'succeeded' });
    const read = (name: string) => readFileSync(join(out, name), 'utf8');
    expect(read('uids').trim().split(/ +/)).toEqual(['0', String(firstId), '65536']);
    expect(read('read')).toBe('open\nown\n');
    expect(read('mounts')).toMatch(/ \/opt\/ml\/processing\/input\/open \S+ ro[, ]/);
    expect(read('mounts')).not.toContain('/opt/ml/processing/input/own');
    expect(statSync(join(out, 'read')).uid).toBe(process.getuid?.());
  });
});
