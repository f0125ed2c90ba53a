import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { projectFolder, readConfig } from '../../src/config.ts';
import {
  describeKubernetes,
  manifestsFolder,
  read,
  render,
  type Manifest,
  type Rendered,
} from '../support/kubernetes.ts';

/** The oldest and the newest version that the docs name, and one between. */
const versions = ['1.30', '1.33', '1.37'];
const folders = ['base', 'example'];

describeKubernetes('the manifests of Kubernetes', () => {
  const rendered = new Map<string, Rendered>();
  beforeAll(async () => {
    for (const folder of folders) rendered.set(folder, await render(folder, ...versions));
  });
  const documents = (folder: string) => rendered.get(folder)!.documents;
  const workloads = (folder: string) =>
    documents(folder).filter(({ kind }) => ['Deployment', 'StatefulSet'].includes(kind));
  const podOf = ({ spec }: Manifest) => spec!.template.spec;
  const workerOf = (workload: Manifest) => podOf(workload).containers[0];
  /** The variables that a worker gets. */
  const environmentOf = (folder: string, workload: Manifest): Record<string, string> => {
    const { env, envFrom } = workerOf(workload);
    const maps = envFrom.flatMap(({ configMapRef }) => (configMapRef ? [configMapRef.name] : []));
    const data = documents(folder).filter(
      ({ kind, metadata }) => kind === 'ConfigMap' && maps.includes(metadata.name),
    );
    expect(data, 'every map is there').toHaveLength(maps.length);
    const own = env.map(({ name, value, valueFrom }) => {
      const label = /^metadata\.labels\['(.*)'\]$/.exec(valueFrom?.fieldRef?.fieldPath ?? '')?.[1];
      return [name, value ?? workload.spec!.template.metadata.labels[label ?? ''] ?? ''];
    });
    return { ...Object.assign({}, ...data.map((map) => map.data)), ...Object.fromEntries(own) };
  };
  const selects = ({ spec }: Manifest, workload: Manifest) => {
    const selector = (spec!.selector.matchLabels as Record<string, string> | undefined) ?? spec!.selector;
    const { labels } = workload.spec!.template.metadata;
    return Object.entries(selector as Record<string, string>).every(
      ([name, value]) => labels[name] === value,
    );
  };

  it.each(folders)('are what Kubernetes takes (%s)', (folder) => {
    expect(rendered.get(folder)!.problems).toEqual([]);
    expect(
      documents(folder)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual([
      ...['ConfigMap', 'Deployment', 'PodDisruptionBudget', 'PodDisruptionBudget', 'Service'],
      ...['ServiceAccount', 'StatefulSet'],
    ]);
    for (const { metadata } of documents(folder)) expect(metadata.namespace).toBe('sluice');
  });

  it('are refused when a key is misspelt', async () => {
    const yaml = 'apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\nautomountToken: false\n';
    expect((await read(yaml, versions)).problems).toHaveLength(versions.length);
  });

  it('are for a namespace that lets no pod do more than these do', async () => {
    const { problems, documents: found } = await read(
      readFileSync(join(manifestsFolder, 'namespace.yaml'), 'utf8'),
      versions,
    );
    expect(problems).toEqual([]);
    expect(found[0]!.metadata).toMatchObject({
      name: 'sluice',
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    });
  });

  it.each(folders)(
    'have workers that are nobody in particular and may do nothing in particular (%s)',
    (folder) => {
      for (const workload of workloads(folder)) {
        const pod = podOf(workload);
        // The standard "restricted", the user of the image, and a file system that is read-only.
        expect(pod.securityContext).toMatchObject({
          runAsNonRoot: true,
          runAsUser: 10001,
          fsGroup: 10001,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        expect(readFileSync(join(projectFolder, 'Dockerfile'), 'utf8')).toContain('--uid 10001');
        expect(workerOf(workload).securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(pod).toMatchObject({ automountServiceAccountToken: false });
        expect(documents(folder).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toContain(
          `ServiceAccount ${pod.serviceAccountName}`,
        );
        const writable = workerOf(workload).volumeMounts.map(({ mountPath }) => mountPath);
        expect(writable).toEqual(['/var/lib/sluice', '/tmp']);
      }
    },
  );

  it.each(folders)('give workers settings that they know, and the time to end (%s)', (folder) => {
    for (const workload of workloads(folder)) {
      const environment = environmentOf(folder, workload);
      const config = readConfig({ ...environment, SLUICE_ROOT: '/project' }, '/nowhere');
      expect(config.queues).toEqual({
        main: workload.kind === 'Deployment',
        local: workload.kind === 'StatefulSet',
      });
      // The image's own (10) would do as well; what it takes to flush and to end comes on top.
      expect(podOf(workload).terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
        config.shutdownSeconds + 20,
      );
      const { ports, startupProbe, livenessProbe, readinessProbe } = workerOf(workload);
      expect(ports).toEqual([
        { name: 'health', containerPort: 8081 },
        { name: 'metrics', containerPort: 9464 },
      ]);
      expect(config.healthAddress).toBe('0.0.0.0:8081');
      expect(config.metricsAddress).toBe('0.0.0.0:9464');
      for (const [probe, path] of [
        [startupProbe, '/healthz'],
        [livenessProbe, '/healthz'],
        [readinessProbe, '/readyz'],
      ] as const)
        expect(probe.httpGet).toEqual({ path, port: 'health' });
      // Readiness asks the Temporal server, and gives it two seconds.
      expect(readinessProbe.timeoutSeconds).toBeGreaterThan(2);
      // A misspelt one is a variable that nobody reads.
      const known = readFileSync(join(projectFolder, 'README.md'), 'utf8');
      for (const name of Object.keys(environment).filter((key) => key.startsWith('SLUICE_')))
        expect(known).toContain(`\`${name}\``);
    }
  });

  it.each(folders)('keep the home of a local worker, and let nothing move it (%s)', (folder) => {
    const local = workloads(folder).find(({ kind }) => kind === 'StatefulSet')!;
    expect(local.spec).toMatchObject({
      updateStrategy: { type: 'OnDelete' },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      volumeClaimTemplates: [{ metadata: { name: 'home' } }],
    });
    const service = documents(folder).find(({ kind }) => kind === 'Service')!;
    expect(local.spec!.serviceName).toBe(service.metadata.name);
    expect(selects(service, local)).toBe(true);
  });

  it.each(folders)('have a budget for each role, about its pods alone (%s)', (folder) => {
    const budgets = documents(folder).filter(({ kind }) => kind === 'PodDisruptionBudget');
    const pairs = budgets.map((budget) => [
      budget.spec!.maxUnavailable,
      workloads(folder)
        .filter((workload) => selects(budget, workload))
        .map(({ kind }) => kind),
    ]);
    expect(pairs).toEqual(
      expect.arrayContaining([
        [1, ['Deployment']],
        [0, ['StatefulSet']],
      ]),
    );
    expect(pairs).toHaveLength(2);
  });

  it('keep two versions apart: names, selectors, and what Temporal is told', async () => {
    const next = join(manifestsFolder, '..', '..', 'test-output', 'kubernetes-next');
    await mkdir(next, { recursive: true });
    const example = readFileSync(join(manifestsFolder, 'example', 'kustomization.yaml'), 'utf8');
    const text = example
      .replaceAll('../', '../../deploy/kubernetes/')
      .replaceAll('0-1-0', '0-2-0')
      .replaceAll('0.1.0', '0.2.0');
    await writeFile(join(next, 'kustomization.yaml'), text);
    const later = await render('../../test-output/kubernetes-next', ...versions);
    expect(later.problems).toEqual([]);
    rendered.set('next', later);
    const name = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;
    const names = documents('example').map(name);
    expect(later.documents.map(name).filter((other) => names.includes(other))).toEqual([]);
    for (const [folder, version] of [
      ['example', '0.1.0'],
      ['next', '0.2.0'],
    ] as const)
      for (const workload of workloads(folder)) {
        expect(readConfig(environmentOf(folder, workload), '/nowhere').version).toEqual({
          deploymentName: 'sluice',
          buildId: version,
        });
        expect(workerOf(workload).image).toMatch(/^registry\.example\.com\/ml\/sluice(-process)?:/);
        const others = [...workloads('example'), ...workloads('next')].filter((other) =>
          selects(workload, other),
        );
        expect(others).toEqual([workload]);
      }
  });
});
