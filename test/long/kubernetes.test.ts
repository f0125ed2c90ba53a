import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import type { RunReport } from '../../src/core/run.ts';
import { command } from '../support/commands.ts';
import { describeDocker } from '../support/docker.ts';
import { describeKubernetes, render, whyNoKubernetes, type Manifest } from '../support/kubernetes.ts';
import { freePorts } from '../support/ports.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const minutes = (count: number) => count * 60_000;

interface Pod {
  name: string;
  health: string;
  graceSeconds: number;
  logs(): Promise<string>;
}

/**
 * There is no cluster here. What a cluster would make of a pod, as far as it is about its container, Docker is told: the image, the
 * user, a file system that is read-only, no capabilities, what is writable, the memory, the variables.
 */
const describePods = whyNoKubernetes === undefined ? describeDocker : describeKubernetes;

describePods('the pods of the manifests, as containers of Docker', () => {
  let stage: Stage;
  const pods: Pod[] = [];
  beforeAll(async () => {
    await docker('build', '--quiet', '-t', 'sluice:0.1.0', projectFolder);
    await docker(
      'build',
      '--quiet',
      '-t',
      'sluice-process:0.1.0',
      '--build-arg',
      'ENGINE=process',
      projectFolder,
    );
    stage = await openStage('kubernetes');
    const { documents } = await render('base');
    const settings = documents.find(({ kind }) => kind === 'ConfigMap')!.data!;
    for (const workload of documents.filter(({ spec }) => spec?.template))
      pods.push(await run(workload, settings));
  }, minutes(20));
  afterAll(async () => {
    for (const { name } of pods) await docker('rm', '--force', '--volumes', name);
    await stage.close();
  }, minutes(3));

  async function run(workload: Manifest, settings: Record<string, string>): Promise<Pod> {
    const pod = workload.spec!.template.spec;
    const [{ image, env, volumeMounts, resources, securityContext }] = pod.containers;
    const name = `sluice-test-${workload.metadata.name}-${randomUUID().slice(0, 8)}`;
    const [health, metrics] = await freePorts(2);
    const variables = {
      ...settings,
      ...Object.fromEntries(env.map(({ name: variable, value = '' }) => [variable, value])),
      // The pods of a cluster have addresses of their own.
      TEMPORAL_ADDRESS: stage.address,
      SLUICE_HEALTH_PORT: `${health}`,
      SLUICE_METRICS_PORT: `${metrics}`,
    };
    // As a node makes one for `emptyDir`: a folder that any user may write to.
    const emptyDir = async () => {
      const folder = await mkdtemp(join(stage.folder, 'empty-'));
      await chmod(folder, 0o777);
      return folder;
    };
    const mounts = volumeMounts.map(async ({ name: volume, mountPath }) => {
      const isEmpty = pod.volumes.some(({ name: own, emptyDir: empty }) => own === volume && empty);
      return ['--volume', isEmpty ? `${await emptyDir()}:${mountPath}` : mountPath];
    });
    await docker(
      ...['run', '--detach', '--name', name, '--network', 'host'],
      ...['--user', `${pod.securityContext.runAsUser as number}:${pod.securityContext.runAsGroup as number}`],
      ...(securityContext.readOnlyRootFilesystem === true ? ['--read-only'] : []),
      ...(securityContext.allowPrivilegeEscalation === false ? ['--security-opt', 'no-new-privileges'] : []),
      ...(securityContext.capabilities as { drop: string[] }).drop.flatMap((drop) => ['--cap-drop', drop]),
      ...['--memory', resources.limits.memory!.replace('Gi', 'g')],
      ...(await Promise.all(mounts)).flat(),
      ...['--volume', `${projectFolder}:/project:ro`],
      ...Object.entries(variables).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
      image,
    );
    return {
      name,
      health: `http://127.0.0.1:${health}`,
      graceSeconds: pod.terminationGracePeriodSeconds,
      logs: () => docker('logs', name),
    };
  }

  const status = async (url: string) => (await fetch(url).catch(() => undefined))?.status;

  it('come up and answer their probes', { timeout: minutes(5) }, async () => {
    expect(pods).toHaveLength(2);
    for (const { health } of pods) {
      await until(async () => (await status(`${health}/healthz`)) === 200, 120);
      await until(async () => (await status(`${health}/readyz`)) === 200);
    }
  });

  it('run the example: one has the workflows, the other one the jobs', { timeout: minutes(10) }, async () => {
    const report = (await stage.client.workflow.execute('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: 'abalone',
      args: [{ pipeline: 'examples/abalone/pipeline.json', executionMode: 'local' }],
    })) as RunReport;
    expect(report.outcome).toBe('accepted');
    expect(new Set(report.steps.flatMap(({ engine }) => engine ?? []))).toEqual(new Set(['process']));
    for (const { logs } of pods) expect(await logs()).not.toMatch(/EROFS|EACCES|EPERM|"level":"error"/);
  });

  it('end within their grace', { timeout: minutes(5) }, async () => {
    for (const { name, graceSeconds } of pods) {
      const asked = Date.now();
      await docker('stop', '--time', `${graceSeconds}`, name);
      console.log(`${name} ended after ${(Date.now() - asked) / 1000} s of ${graceSeconds}`);
      expect((await docker('inspect', '--format', '{{.State.ExitCode}}', name)).trim()).toBe('0');
    }
  });
});

async function docker(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await command('docker', args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr.slice(-3000)}`);
  return stdout + (args[0] === 'logs' ? stderr : '');
}
