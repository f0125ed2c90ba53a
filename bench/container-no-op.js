import { randomUUID } from 'node:crypto';
import { docker, frameworkImage, openEngine, runJob } from './container-engine.js';
import { median, millis, sideBySide, spread } from './measure.js';
import { noOpRequest } from './no-op-steps.js';

/** A job that does nothing, through the container engine, against `docker run` of the same image and command. */
export async function containerNoOp(rounds) {
  const { engine, close } = await openEngine();
  const byEngine = () => runJob(engine, `bench-${randomUUID()}`, noOpRequest());
  try {
    // Builds the image if need be.
    await byEngine();
    const image = await frameworkImage();
    const byCli = () => docker('run', '--rm', '--entrypoint', '/bin/true', image);
    await byCli();
    const times = await sideBySide(rounds, { byEngine, byCli });
    const ratio = median(times.byEngine) / median(times.byCli);
    const more = median(times.byEngine) - median(times.byCli);
    return [
      {
        figure: 'no-op job through the container engine ÷ `docker run` of the same',
        aim: '≤ 1.5, and ≤ 200 ms more',
        measured: `${ratio.toFixed(2)}, ${millis(more)} more: engine ${spread(times.byEngine, millis)}, docker run ${spread(times.byCli, millis)}`,
      },
    ];
  } finally {
    await close();
  }
}
