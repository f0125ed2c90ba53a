import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { projectFolder } from '../../src/config.ts';
import { describePart } from './real-parts.ts';

type Where = (env: NodeJS.ProcessEnv) => string;
const tools = new URL('../../scripts/testing/kubernetes-tools.js', import.meta.url);
const { kustomizeIn, validateIn } = (await import(tools.href)) as { kustomizeIn: Where; validateIn: Where };
const kustomize = kustomizeIn(process.env);
const python = join(validateIn(process.env), 'bin', 'python');

/** Undefined where manifests can be rendered and checked. */
export const whyNoKubernetes = findReason();

/** For tests of the manifests of Kubernetes. */
export const describeKubernetes = describePart(
  'the manifests of Kubernetes',
  'SLUICE_REQUIRE_KUBERNETES',
  whyNoKubernetes,
);

function findReason(): string | undefined {
  try {
    for (const program of [kustomize, python]) accessSync(program, constants.X_OK);
    return undefined;
  } catch {
    return 'there is no kustomize, or no kubernetes-validate; `node scripts/testing/kubernetes.js` makes them (Go is needed)';
  }
}

export const manifestsFolder = join(projectFolder, 'deploy', 'kubernetes');

interface Probe {
  httpGet: { path: string; port: string };
  periodSeconds: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
}

export interface Container {
  image: string;
  env: { name: string; value?: string; valueFrom?: { fieldRef?: { fieldPath: string } } }[];
  envFrom: { configMapRef?: { name: string }; secretRef?: { name: string; optional?: boolean } }[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  securityContext: Record<string, unknown>;
  volumeMounts: { name: string; mountPath: string }[];
}

export interface Pod {
  serviceAccountName: string;
  terminationGracePeriodSeconds: number;
  securityContext: Record<string, unknown>;
  containers: [Container];
  volumes: { name: string; emptyDir?: object }[];
}

type Labels = Record<string, string>;

/** The part of them that is looked at. */
export interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Labels };
  data?: Record<string, string>;
  spec?: {
    replicas?: number;
    serviceName?: string;
    maxUnavailable?: number;
    updateStrategy?: { type: string };
    selector: { matchLabels: Labels };
    template: { metadata: { labels: Labels }; spec: Pod };
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
}

export interface Rendered {
  documents: Manifest[];
  /** What the schemas of Kubernetes have against them. */
  problems: string[];
}

/** Renders a folder as `kubectl apply -k` does. @param versions - of Kubernetes, whose schemas they are checked against. */
export async function render(folder: string, ...versions: string[]): Promise<Rendered> {
  const { stdout } = await promisify(execFile)(kustomize, ['build', join(manifestsFolder, folder)]);
  return read(stdout, versions);
}

/** Checks manifests that need no rendering. */
export async function read(yaml: string, versions: readonly string[] = []): Promise<Rendered> {
  const script = fileURLToPath(new URL('read_manifests.py', import.meta.url));
  const child = spawn(python, ['-I', script, ...versions], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(yaml);
  return JSON.parse(await text(child.stdout)) as Rendered;
}
