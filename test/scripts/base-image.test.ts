import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { command } from '../support/commands.ts';
import { baseImage, describeDocker, dockerSocket } from '../support/docker.ts';
import { temporaryFolder } from './run-fixture.ts';

const makeBaseImage = (env: Record<string, string>) =>
  command(process.execPath, [join(projectFolder, 'scripts/testing/base-image.js')], env);

test('without a container engine, the base image is refused with the reason', async () => {
  const folder = temporaryFolder();
  const env = { SLUICE_CACHE_DIR: folder, DOCKER_HOST: `unix://${folder}/no-engine.sock` };
  const { code, stderr } = await makeBaseImage(env);
  expect(stderr).toMatch(/^No container engine answers: docker version/);
  expect(code).toBe(1);
});

describeDocker('a base image that the engine has', () => {
  test('is left as it is', async () => {
    const env = { SLUICE_CACHE_DIR: temporaryFolder(), DOCKER_HOST: `unix://${dockerSocket}` };
    const { code, stderr } = await makeBaseImage(env);
    expect(stderr).toMatch(new RegExp(`^The engine has ${baseImage}( \\(the stand-in\\))?\\n$`));
    expect(code).toBe(0);
  });
});
