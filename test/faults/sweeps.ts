import type { CloudStage } from '../support/cloud-stage.ts';
import { sluice } from '../support/commands.ts';
import { sleep, until } from '../support/until.ts';
import { isOver, jobLives } from './job-lives.ts';

/** The access key by which the ledger tells a sweep from the workers. */
export const sweeper = 'AKIASWEEPER000000000';
const pauseMs = 25_000;
/** What was made is listed within a minute of SageMaker's, and is over within half a minute of a stop. */
const visibleAfterSeconds = 60;
const mostTries = 20;

/** Sweeps beside the runs as a schedule would, whether they succeed or not. @returns how many there were. */
export async function sweepMeanwhile(stage: CloudStage, areOver: () => boolean): Promise<number> {
  for (let count = 0; ; count += 1) {
    for (let waited = 0; waited < pauseMs && !areOver(); waited += 500) await sleep(500);
    if (areOver()) return count;
    await sweep(stage);
  }
}

/** Sweeps when all runs are closed, as often as the faults make necessary, and waits until what was stopped is over. */
export async function sweepAtTheEnd(stage: CloudStage, speed: number): Promise<void> {
  await sleep((visibleAfterSeconds * 1000) / speed);
  for (let tries = 1; !(await sweep(stage)); tries += 1)
    if (tries === mostTries) throw new Error(`sluice sweep failed ${mostTries} times`);
  const left = () => jobLives(stage.emulator.ledger()).filter((job) => !isOver(job));
  // What is left then is for the auditor to tell.
  await until(() => left().length === 0, 60).catch(() => undefined);
}

async function sweep({ env, awsEnv }: CloudStage): Promise<boolean> {
  const { code } = await sluice(['sweep', '--json'], { ...env, ...awsEnv, AWS_ACCESS_KEY_ID: sweeper });
  return code === 0;
}
