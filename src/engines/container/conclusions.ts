import type { JobRequest } from '../../core/jobs.ts';
import type { JobFolder } from '../local/job-folder.ts';
import type { ContainerClient } from './client.ts';
import { conclude } from './conclude.ts';

export interface Conclusions {
  /** Returns when the job is concluded, or soon: big outputs go on being brought home. */
  conclude(name: string, job: JobRequest, files: JobFolder): Promise<void>;
  /** Stops bringing outputs home, for a job that is asked to stop. */
  giveUp(name: string): void;
}

const patienceMs = 250;

/** One conclusion a job in this worker, for all who ask. */
export function createConclusions(
  client: () => Promise<ContainerClient>,
  localPath: (uri: string) => string,
): Conclusions {
  const underWay = new Map<string, { done: Promise<void>; abort: AbortController }>();
  const forget = (name: string) => underWay.delete(name);

  const begin = (name: string, job: JobRequest, files: JobFolder) => {
    const abort = new AbortController();
    const done = conclude({ reach: client, name, job, files, localPath, signal: abort.signal });
    // Of a failure whoever asks next hears; nobody may.
    done.then(
      () => forget(name),
      () => undefined,
    );
    const work = { done, abort };
    underWay.set(name, work);
    return work;
  };

  return {
    async conclude(name, job, files) {
      const { done } = underWay.get(name) ?? begin(name, job, files);
      try {
        await Promise.race([done, new Promise((resume) => setTimeout(resume, patienceMs))]);
      } catch (error) {
        forget(name);
        throw error;
      }
    },
    giveUp: (name) => underWay.get(name)?.abort.abort(),
  };
}
