import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { listenAddress } from './config/listen-address.ts';
import { traceSettings, type TraceSettings } from './config/traces.ts';
import { pipSettings, type PipSettings } from './config/pip.ts';
import { SluiceError } from './core/errors.ts';
import type { InstanceCaps } from './core/instance-slots.ts';
import type { ConnectionSettings } from './engines/container/connection.ts';
import { parseWith } from './core/problems.ts';
import type { SecretReference } from './core/secrets.ts';
import { sessionSettings } from './core/session.ts';

/** The folder of the project: where `images/` and `package.json` are. */
export const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** Coercion alone takes nothing and blanks for 0. */
const number = z.string().trim().min(1).pipe(z.coerce.number());
const count = number.pipe(z.int().min(1));
/** A variable of other programs: empty is as good as unset. */
const foreign = z
  .string()
  .optional()
  .transform((text) => (text === '' ? undefined : text));

const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'must be addresses or networks (10.0.0.0/8), joined by ","',
});

const caps = z
  .string()
  .regex(
    /^ml\.[\w.-]+=[1-9]\d{0,3}(\s*,\s*ml\.[\w.-]+=[1-9]\d{0,3})*$/,
    'must be types or families of instances and how many, as in "ml.p4d.24xlarge=2,ml.g5=8"',
  )
  .transform((list) => list.split(',').map((item) => item.trim().split('=') as [string, string]))
  .refine((pairs) => new Set(pairs.map(([name]) => name)).size === pairs.length, {
    message: 'has an instance type twice',
  })
  .transform((pairs): InstanceCaps => Object.fromEntries(pairs.map(([name, cap]) => [name, Number(cap)])));

const roles = z
  .string()
  .regex(/^(main|local)(,(main|local))*$/, 'must be "main", "local" or "main,local"')
  .default('main,local')
  .transform((text) => ({ main: text.includes('main'), local: text.includes('local') }));

const environment = z.object({
  SLUICE_ROOT: z.string().min(1).optional(),
  SLUICE_HOME: z.string().min(1).optional(),
  SLUICE_STORAGE: z.string().min(1).optional(),
  SLUICE_TASK_QUEUE: z.string().min(1).default('sluice'),
  SLUICE_QUEUES: roles,
  SLUICE_INSTANCE_CAPS: caps.optional(),
  SLUICE_PROCESS_ISOLATION: z.enum(['auto', 'namespaces', 'none']).default('auto'),
  SLUICE_LOCAL_ENGINE: z.enum(['auto', 'container', 'process']).default('auto'),
  SLUICE_BASE_IMAGE: z.string().min(1).optional(),
  SLUICE_LOCAL_SLOTS: count.optional(),
  SLUICE_PYTHON: z.string().min(1).optional(),
  SLUICE_ROLE: sessionSettings.shape.role,
  SLUICE_BUCKET: sessionSettings.shape.bucket,
  SLUICE_EMULATOR_SPEED: number.pipe(z.number().positive()).default(1),
  SLUICE_UI_URL: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  SLUICE_SMTP_URL: z.string().min(1).optional(),
  SLUICE_SMTP_URL_FILE: z.string().min(1).optional(),
  SLUICE_MAIL_FROM: z.string().min(1).optional(),
  SLUICE_WEBHOOK_ALLOW: z
    .string()
    .transform((list) => list.split(',').map((item) => item.trim()))
    .pipe(z.array(network))
    .optional(),
  SLUICE_ENCRYPTION_KEYS: z.string().min(1).optional(),
  SLUICE_ENCRYPTION_KEYS_FILE: z.string().min(1).optional(),
  SLUICE_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  SLUICE_LOG_FORMAT: z.enum(['json', 'pretty']).optional(),
  SLUICE_HEALTH_PORT: listenAddress.optional(),
  SLUICE_METRICS_PORT: listenAddress.optional(),
  SLUICE_SHUTDOWN_SECONDS: number.pipe(z.number().min(0)).default(10),
  TEMPORAL_CLI_PATH: z.string().min(1).optional(),
  TEMPORAL_DEPLOYMENT_NAME: foreign,
  TEMPORAL_WORKER_BUILD_ID: foreign,
  DOCKER_HOST: foreign,
  DOCKER_CONTEXT: foreign,
  DOCKER_CONFIG: foreign,
  DOCKER_TLS: foreign,
  DOCKER_TLS_VERIFY: foreign,
  DOCKER_CERT_PATH: foreign,
  XDG_RUNTIME_DIR: foreign,
  HOME: foreign,
  PATH: foreign,
  USER: foreign,
  LOGNAME: foreign,
  SSH_AUTH_SOCK: foreign,
});

const toolchainSchema = z.object({
  temporal: z.string().nullable(),
  python: z.string(),
  frameworks: z.record(z.string(), z.object({ python: z.string() })).default({}),
});

export interface Config {
  /** Relative paths of pipeline files are relative to it and never leave it. */
  root: string;
  /** Where Sluice keeps its own things: `.sluice` below the root. */
  home: string;
  storageFolder: string;
  registryFolder: string;
  jobsFolder: string;
  taskQueue: string;
  /** What the worker is for: runs and jobs of SageMaker; runs on this machine and their jobs. */
  queues: { main: boolean; local: boolean };
  /** Instances of SageMaker that runs may use at once, by type or family. */
  instanceCaps: InstanceCaps;
  /** Which version of which deployment this worker is, for Temporal's worker versioning. Null: it takes part in none. */
  version: { deploymentName: string; buildId: string } | null;
  /** Where local jobs run; `auto`: in containers, if an engine answers. */
  localEngine: 'auto' | 'container' | 'process';
  /** What framework images are built on. Null: what their Dockerfile says. */
  baseImage: string | null;
  isolation: 'auto' | 'namespaces' | 'none';
  /** Jobs at once on this machine. */
  localSlots: number;
  /** The Python with the libraries of the framework images. Null before the set-up. */
  python: string | null;
  /** Frameworks that have a Python of their own. Null before `npm run setup -- <framework>`. */
  frameworkPythons: Readonly<Record<string, string | null>>;
  /** The Temporal CLI. Null if none was needed or found. */
  temporalCli: string | null;
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  logFormat: 'json' | 'pretty';
  docker: ConnectionSettings;
  /** For the requirements that jobs install. */
  pip: PipSettings;
  /** Of pipelines in AWS that say no other: the name or ARN of the role that jobs run under, and the bucket. */
  role: string | null;
  bucket: string | null;
  /** Where the worker says whether it is well, by HTTP: `127.0.0.1:8081`. Null: nowhere. */
  healthAddress: string | null;
  /** Where the worker tells its metrics to Prometheus: `127.0.0.1:9464`. Null: nowhere. */
  metricsAddress: string | null;
  /** Where traces go. Null: nowhere. */
  traces: TraceSettings | null;
  /** Seconds of SageMaker in a real one: of the emulator that this worker talks to, if its clock runs faster. */
  emulatorSpeed: number;
  /** The Web UI of the server, for links; null if it is not known. */
  uiUrl: string | null;
  /** How e-mail is sent. */
  mail: { smtpUrl: SecretReference | null; from: string | null };
  /** Where the keys are that payloads are encrypted with; null: they are not. */
  encryptionKeys: SecretReference | null;
  /** Addresses and networks of this machine or its cloud that webhooks may have. */
  webhookAllow: readonly string[];
  /** How long activities that are no jobs may take to end after SIGTERM. */
  shutdownSeconds: number;
}

/** Reads the environment: the only place that does. @throws SluiceError `InvalidInput` that names the variable. */
export function readConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
  toolchainFile = join(projectFolder, '.sluice', 'toolchain.json'),
): Config {
  const settings = parseWith('The environment', environment, env);
  const root = resolve(settings.SLUICE_ROOT ?? process.cwd());
  const home = resolve(root, settings.SLUICE_HOME ?? '.sluice');
  const toolchain = readToolchain(toolchainFile);
  return {
    root,
    home,
    storageFolder:
      settings.SLUICE_STORAGE === undefined ? join(home, 'storage') : resolve(root, settings.SLUICE_STORAGE),
    registryFolder: join(home, 'registry'),
    jobsFolder: join(home, 'jobs'),
    taskQueue: settings.SLUICE_TASK_QUEUE,
    queues: settings.SLUICE_QUEUES,
    instanceCaps: settings.SLUICE_INSTANCE_CAPS ?? {},
    version: versionOf(settings),
    localEngine: settings.SLUICE_LOCAL_ENGINE,
    baseImage: settings.SLUICE_BASE_IMAGE ?? null,
    isolation: settings.SLUICE_PROCESS_ISOLATION,
    localSlots: settings.SLUICE_LOCAL_SLOTS ?? availableParallelism(),
    python: settings.SLUICE_PYTHON ?? toolchain?.python ?? null,
    // Who names a Python sees to the libraries of every framework.
    frameworkPythons:
      settings.SLUICE_PYTHON === undefined ? { xgboost: toolchain?.frameworks.xgboost?.python ?? null } : {},
    temporalCli: settings.TEMPORAL_CLI_PATH ?? toolchain?.temporal ?? null,
    docker: dockerSettings(settings),
    pip: pipSettings(env, settings.HOME ?? homedir()),
    role: settings.SLUICE_ROLE ?? null,
    bucket: settings.SLUICE_BUCKET ?? null,
    healthAddress: settings.SLUICE_HEALTH_PORT ?? null,
    metricsAddress: settings.SLUICE_METRICS_PORT ?? null,
    traces: traceSettings(env),
    emulatorSpeed: settings.SLUICE_EMULATOR_SPEED,
    uiUrl: settings.SLUICE_UI_URL ?? null,
    mail: { smtpUrl: reference(settings, 'SLUICE_SMTP_URL'), from: settings.SLUICE_MAIL_FROM ?? null },
    encryptionKeys: reference(settings, 'SLUICE_ENCRYPTION_KEYS'),
    webhookAllow: settings.SLUICE_WEBHOOK_ALLOW ?? [],
    logLevel: settings.SLUICE_LOG_LEVEL,
    logFormat: settings.SLUICE_LOG_FORMAT ?? (process.stderr.isTTY ? 'pretty' : 'json'),
    shutdownSeconds: settings.SLUICE_SHUTDOWN_SECONDS,
  };
}

/** Where jobs of this machine have their data whose own are on S3. */
export const stagingFolder = ({ storageFolder }: Config) => join(storageFolder, 'staged');

/** Read when it is used, so that nothing that shows these settings shows a password. */
export const readVariable = (name: string): string | undefined => process.env[name];

/** A secret is in a variable, or in the file that another one names. */
function reference(
  settings: z.infer<typeof environment>,
  name: 'SLUICE_SMTP_URL' | 'SLUICE_ENCRYPTION_KEYS',
): SecretReference | null {
  if (settings[name] !== undefined) return { Env: name };
  const file = settings[`${name}_FILE`];
  return file === undefined ? null : { File: resolve(file) };
}

/** The variables that Temporal's controller for Kubernetes sets. */
function versionOf(settings: z.infer<typeof environment>): Config['version'] {
  const { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId } = settings;
  if (deploymentName !== undefined && buildId !== undefined) return { deploymentName, buildId };
  if (deploymentName === buildId) return null;
  const names = ['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID'] as const;
  const [there, missing] = deploymentName === undefined ? [names[1], names[0]] : names;
  throw new SluiceError(
    'InvalidInput',
    `The environment: ${there} is set and ${missing} is not; worker versioning needs both`,
  );
}

function dockerSettings(settings: z.infer<typeof environment>): ConnectionSettings {
  const homeFolder = settings.HOME ?? homedir();
  const configFolder = resolve(settings.DOCKER_CONFIG ?? join(homeFolder, '.docker'));
  const user = process.getuid?.();
  return {
    host: settings.DOCKER_HOST ?? null,
    context: settings.DOCKER_CONTEXT ?? null,
    configFolder,
    // As for the Docker CLI, any text is yes, "0" too.
    tls: settings.DOCKER_TLS !== undefined,
    tlsVerify: settings.DOCKER_TLS_VERIFY !== undefined,
    certFolder: resolve(settings.DOCKER_CERT_PATH ?? configFolder),
    // Services and SSH sessions often lack the variable, not the folder.
    runtimeFolder: settings.XDG_RUNTIME_DIR ?? (user === undefined ? null : `/run/user/${user}`),
    homeFolder,
    sshEnvironment: sshEnvironment(settings),
  };
}

function sshEnvironment(settings: z.infer<typeof environment>): Record<string, string> {
  const { PATH, HOME, USER, LOGNAME, SSH_AUTH_SOCK } = settings;
  const known = Object.entries({ PATH, HOME, USER, LOGNAME, SSH_AUTH_SOCK });
  return Object.fromEntries(known.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What `scripts/setup.js` found and made. */
function readToolchain(file: string): z.infer<typeof toolchainSchema> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return toolchainSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new SluiceError('InvalidInput', `${file} is damaged; remove it and run \`npm run setup\``, {
      cause,
    });
  }
}
