import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBench, jobName, shell, type Bench } from '../engines/container/fixtures.ts';
import {
  describeSecondEngine,
  startSecondEngine,
  tinyImage,
  type SecondEngine,
} from '../support/second-engine.ts';
import { sleep } from '../support/until.ts';

let engine: SecondEngine;
let bench: Bench;

beforeAll(async () => {
  engine = await startSecondEngine();
  bench = createBench({ host: engine.host });
});
afterAll(async () => {
  await engine.close();
});

describeSecondEngine('a job whose engine', () => {
  it('does not answer for more than a minute ends as if nothing had been', async () => {
    const ends = { mid: 'sleep 90', meanwhile: 'sleep 5' };
    for (const [what, wait] of Object.entries(ends)) {
      const outputs = { out: join(bench.folder, what) };
      const made = shell(`echo ready; ${wait}; echo x > /opt/ml/processing/output/out/x; echo over`, {
        image: tinyImage,
        outputs,
      });
      const job = { ...made, body: { ...made.body, NetworkConfig: { EnableNetworkIsolation: true } } };
      await bench.start(jobName(what), job);
      await bench.says(jobName(what), 'ready');
    }
    engine.signal('SIGSTOP');
    // Longer than the supervisor waits for an answer.
    await sleep(75_000);
    engine.signal('SIGCONT');
    for (const what of Object.keys(ends)) {
      expect(await bench.ended(jobName(what))).toMatchObject({ status: 'succeeded' });
      expect(bench.log(jobName(what))).toBe('ready\nover\n');
      expect(existsSync(join(bench.folder, what, 'x'))).toBe(true);
    }
  }, 300_000);
});
