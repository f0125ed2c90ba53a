import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { sluice } from '../support/commands.ts';
import {
  makeShellFiles,
  openContainerStage,
  shellPipeline,
  type ContainerStage,
} from '../support/container-stage.ts';
import { baseImage, describeDocker, dockerApi, dockerDo } from '../support/docker.ts';
import { freePort } from '../support/ports.ts';
import type { Running } from '../support/stack.ts';

describeDocker('what commands show of a run in containers', () => {
  let stage: ContainerStage;
  let worker: Running | undefined;
  beforeAll(async () => {
    stage = await openContainerStage('container-phases');
    await makeShellFiles(stage.folder);
  });
  afterEach(() => worker?.stop());
  afterAll(() => stage.close());

  const pipelineFile = async (pipeline: Json) => {
    const path = join(stage.folder, `${randomUUID()}.json`);
    await writeFile(path, JSON.stringify(pipeline));
    return path;
  };
  const command = (...args: string[]) => sluice(args, stage.env);

  it('is the log of each step, followed to the end of the run', async () => {
    worker = await stage.startContainerWorker();
    const train =
      'for line in one two three; do echo "train: $line"; sleep 0.5; done; echo m >/opt/ml/model/m';
    const handle = await stage.start(shellPipeline(train));
    const followed = await command('logs', handle.workflowId, '--follow');
    expect(followed, followed.stderr).toMatchObject({ code: 0 });
    expect(followed.stdout).toMatch(/── preprocess: .*\npreprocess began\n/);
    expect(followed.stdout).toMatch(/── train: .*\ntrain: one\ntrain: two\ntrain: three\n/);
    const status = await command('status', handle.workflowId);
    expect(status.stdout).toMatch(/✓ train +succeeded +container/);
  });

  it('is the build of a framework image, in `run` once and in `status` line by line', async () => {
    // As long as a slow machine takes to look a few times.
    const base = await makeSlowBase(10);
    worker = await stage.startContainerWorker({ SLUICE_BASE_IMAGE: base });
    const workflowId = `building-${randomUUID()}`;
    const file = await pipelineFile(shellPipeline('echo m >/opt/ml/model/m'));
    const running = command('run', file, '--workflow-id', workflowId);
    const building = /▶ preprocess +running +container +\d+ s +\S+ +building (sluice\/sklearn:\S+): \S/;
    const seen: string[] = [];
    try {
      let open = true;
      const ended = running.finally(() => (open = false));
      while (open) seen.push((await command('status', workflowId)).stdout);
      expect(await ended, (await ended).stderr).toMatchObject({ code: 0 });
      expect(
        seen.some((status) => building.test(status)),
        seen.join(''),
      ).toBe(true);
      // Such lines of the engine tell nothing of what is being done.
      expect(seen.join('')).not.toContain('--->');
      // Other states may be too short to be seen.
      const lines = (await ended).stderr.split('\n').filter((line) => line.includes(': building '));
      expect(lines).toEqual([
        expect.stringMatching(/^preprocess: running \(container, \S+\): building sluice\/sklearn:/),
      ]);
    } finally {
      const tag = building.exec(seen.join(''))?.[1];
      for (const image of [tag, base])
        if (image !== undefined) await dockerApi('DELETE', `/images/${image}?force=1`);
    }
  });

  it('is the pull of an image, and why that is tried again', async () => {
    worker = await stage.startContainerWorker();
    const port = await freePort();
    const image = `127.0.0.1:${port}/nobody:1`;
    const file = await pipelineFile(shellPipeline('true', { image, framework: undefined as never }));
    const ended = await command('run', file, '--json');
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toMatch(
      new RegExp(`^preprocess: running \\(container, \\S+\\): pulling ${image}`, 'm'),
    );
    expect(JSON.parse(ended.stdout)).toMatchObject({ failure: { code: 'ImageNotFound' } });
  });
});

/** A base for framework images on which every build takes that long, and none is known already. */
async function makeSlowBase(seconds: number): Promise<string> {
  const name = `sluice-slow-base`;
  const tag = randomUUID();
  const made = await dockerDo('POST', '/containers/create', { Image: baseImage, Cmd: ['true'] });
  const { Id } = made.json() as { Id: string };
  try {
    const changes = encodeURIComponent(`ONBUILD RUN sleep ${seconds} # ${tag}`);
    await dockerDo('POST', `/commit?container=${Id}&repo=${name}&tag=${tag}&changes=${changes}`);
  } finally {
    await dockerApi('DELETE', `/containers/${Id}?force=1`);
  }
  return `${name}:${tag}`;
}
