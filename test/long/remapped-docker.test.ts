import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { shell, writeFiles } from '../engines/container/jobs.ts';
import { createSecondEngineBench } from '../engines/container/second-engine-bench.ts';
import { describeSecondEngine, tinyImage } from '../support/second-engine.ts';

/** Root of its containers is this user, whom the engine alone knows. */
const firstId = 654_321;

describeSecondEngine('an engine with userns-remap', () => {
  const bench = createSecondEngineBench('remapped', (folder, { folder: jobsFolder }) => {
    // The user of its containers passes through all of the folders.
    chmodSync(folder, 0o711);
    chmodSync(jobsFolder, 0o755);
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
    return { prepare: mounts.join('\n'), options: ['--userns-remap', 'sluice-remap'] };
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
