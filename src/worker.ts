import { hostname } from 'node:os';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker, type State } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createActivities } from './activities/index.ts';
import type { Dependencies } from './activities/dependencies.ts';
import { readVariable, type Config } from './config.ts';
import { SluiceError } from './core/errors.ts';
import { hostQueue, hostsQueue, jobsQueue } from './core/task-queues.ts';
import { loadDataConverter } from './data-converter.ts';
import { nameOfHost } from './host-name.ts';
import { cloudUi } from './core/web-ui.ts';
import { createSnsApi } from './aws/sns.ts';
import { createCloudDependencies } from './cloud.ts';
import { createLocalEngines } from './machine.ts';
import { chooseLocalEngine } from './engines/local-engines.ts';
import { createAddressRules } from './notify/addresses.ts';
import { createEmailNotifier } from './notify/email.ts';
import { createNotifier, type Notifier } from './notify/notifier.ts';
import { createSnsNotifier } from './notify/sns.ts';
import { createWebhookNotifier } from './notify/webhook.ts';
import { createSecretReader } from './secrets.ts';
import { createFileRegistry } from './registry/file-registry.ts';
import { repackModel } from './storage/archive.ts';
import { createFileStorage } from './storage/file-storage.ts';
import { findInRoots } from './storage/root-paths.ts';
import { explainRefusal } from './temporal/refusals.ts';
import { attributeState, isComplete } from './temporal/search-attributes.ts';
import { serverSettings, type ServerSettings } from './temporal/settings.ts';
import { activityInterceptors, hearCall, reportWorker } from './telemetry.ts';

export interface RunningWorker {
  /** Resolves when all have ended; rejects if one failed. */
  ended: Promise<void>;
  /** Takes no more work and ends; jobs are left running for the next worker. */
  shutdown(): void;
  /** What each of them does: only a `RUNNING` one takes work. */
  states(): { taskQueue: string; state: State }[];
  /** Whether the Temporal server answers within 2 seconds. */
  serverAnswers(): Promise<boolean>;
}

export interface WorkerOptions {
  config: Config;
  logger: Logger;
  /** Overrides what the environment and the profile say. */
  address?: string;
  /** The Web UI of that server, if SLUICE_UI_URL doesn't say another. */
  uiUrl?: string;
  /** The workflow code; default: the bundle made by the build. */
  workflows?: { workflowBundle: { code: string } } | { workflowsPath: string };
}

/** Composition root: config → connection → engines → activities → workers, one for each task queue of its roles. */
export async function startWorker({
  config,
  logger,
  address,
  uiUrl,
  workflows,
}: WorkerOptions): Promise<RunningWorker> {
  const settings = serverSettings();
  const { namespace } = settings;
  // A server of our own has neither the TLS nor the key of a profile.
  const connection = await connect(
    address === undefined ? settings : { ...settings, address, source: 'sluice dev', options: { address } },
  );
  const hasSearchAttributes = lookForAttributes(connection, namespace, logger);
  await hasSearchAttributes();

  const host = await nameOfHost(config.home);
  const dataConverter = await loadDataConverter(config);
  const activities = createActivities({
    ...createDependencies(config, logger, hasSearchAttributes),
    host,
    uiUrl: config.uiUrl ?? uiUrl ?? cloudUi(settings.address ?? ''),
  });
  const common = {
    connection,
    namespace,
    activities,
    dataConverter,
    interceptors: { activity: activityInterceptors() },
    identity: `sluice@${hostname()}:${process.pid}`,
    ...timesOf(config),
    ...(config.version && { workerDeploymentOptions: pinnedTo(config.version) }),
  } satisfies Partial<Parameters<typeof Worker.create>[0]>;
  const workers = await createWorkers(
    config,
    host,
    common,
    workflows ?? builtWorkflows(config.encryptionKeys !== null),
  );
  const { taskQueue, root, localSlots } = config;
  if (config.queues.local && config.pip.withheld.length > 0)
    logger.warn(
      { variables: config.pip.withheld },
      'pip of jobs does not get variables with credentials; put them into your pip.conf',
    );
  logger.info(
    { taskQueue, namespace, root, ...(config.queues.local && { host, localSlots }) },
    'worker ready',
  );
  const endReports = reportWorker(config, connection, workers);
  return {
    ended: runAll(workers)
      .finally(endReports)
      .finally(() => connection.close()),
    shutdown: () => workers.forEach(stop),
    states: () =>
      workers.map((worker) => ({ taskQueue: worker.options.taskQueue, state: worker.getState() })),
    serverAnswers: () => answers(connection),
  };
}

const timesOf = ({ shutdownSeconds }: Config) =>
  ({
    // A cancellation travels back with a heartbeat; the default holds them for up to 80 % of the time-out.
    maxHeartbeatThrottleInterval: '400ms',
    defaultHeartbeatThrottleInterval: '400ms',
    shutdownGraceTime: 0,
    shutdownForceTime: shutdownSeconds * 1000,
  }) as const;

/** A run ends on the code that it began with. */
const pinnedTo = (version: NonNullable<Config['version']>) => ({
  version,
  useWorkerVersioning: true as const,
  defaultVersioningBehavior: 'PINNED' as const,
});

type Common = Omit<Parameters<typeof Worker.create>[0], 'taskQueue'>;

function createWorkers(
  { taskQueue, queues, localSlots }: Config,
  host: string,
  common: Common,
  workflows: NonNullable<WorkerOptions['workflows']> | ReturnType<typeof builtWorkflows>,
): Promise<Worker[]> {
  const main = () =>
    Worker.create({
      ...common,
      ...workflows,
      taskQueue,
      // Jobs of SageMaker are watched here: they cost next to nothing.
      maxConcurrentActivityTaskExecutions: 2000,
      // So long a dead worker keeps the next task of its runs; the default is 10 s.
      stickyQueueScheduleToStartTimeout: '2s',
    });
  const local = () => [
    Worker.create({ ...common, taskQueue: hostsQueue(taskQueue) }),
    Worker.create({ ...common, taskQueue: hostQueue(taskQueue, host) }),
    Worker.create({
      ...common,
      taskQueue: jobsQueue(taskQueue, host),
      maxConcurrentActivityTaskExecutions: localSlots,
    }),
  ];
  return Promise.all([...(queues.main ? [main()] : []), ...(queues.local ? local() : [])]);
}

function createDependencies(
  config: Config,
  logger: Logger,
  hasSearchAttributes: Dependencies['hasSearchAttributes'],
): Omit<Dependencies, 'host' | 'uiUrl'> {
  const engines = createLocalEngines(config, { onCall: hearCall });
  const storage = createFileStorage(config.storageFolder, [config.root]);
  const cloud = createCloudDependencies(config, hearCall);
  return {
    engines: { process: engines.process, container: engines.container },
    chooseLocalEngine: async () => {
      const { engine, reason } = await chooseLocalEngine(config.localEngine, engines);
      logger.info({ engine: engine.name, reason }, 'local engine');
      return engine;
    },
    storage,
    registry: createFileRegistry(config.registryFolder),
    notifier: createTellers(config),
    hasSearchAttributes,
    findInput: (what, location) =>
      findInRoots(what, location, config.root, [config.root, config.storageFolder]),
    instanceCaps: config.instanceCaps,
    ...cloud,
    repackModel: async (model, session, signal) => {
      if (session !== null) return cloud.repackModel(model, session, signal);
      await repackModel(
        storage.localPath(model.artifactUri),
        storage.localPath(model.codeUri),
        storage.localPath(model.targetUri),
        signal,
      );
    },
  };
}

function createTellers({ mail, webhookAllow }: Config): Notifier {
  const readSecret = createSecretReader(readVariable);
  return createNotifier({
    webhook: createWebhookNotifier({ readSecret, rules: createAddressRules(webhookAllow) }),
    sns: createSnsNotifier(createSnsApi(hearCall)),
    email: createEmailNotifier({ ...mail, readSecret }),
  });
}

/** @param encrypted - whether failures of workflows are encoded: the code that does it is part of the bundle. */
export function builtWorkflows(encrypted: boolean): { workflowBundle: { codePath: string } } {
  const name = encrypted ? 'workflow-bundle-encrypted.js' : 'workflow-bundle.js';
  const codePath = fileURLToPath(new URL(name, import.meta.url));
  if (existsSync(codePath)) return { workflowBundle: { codePath } };
  throw new SluiceError('EngineUnavailable', `${codePath} is missing; \`npm run build\` makes it`);
}

async function connect(settings: ServerSettings): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(settings.options);
  } catch (error) {
    throw await explainRefusal(settings, error);
  }
}

async function answers(connection: NativeConnection): Promise<boolean> {
  const ask = () => connection.workflowService.getSystemInfo({});
  return connection.withDeadline(Date.now() + 2000, ask).then(
    () => true,
    () => false,
  );
}

/** Asked before every run, so that nobody has to start workers anew after `sluice setup`. Told when it changes. */
function lookForAttributes(
  connection: NativeConnection,
  namespace: string,
  logger: Logger,
): () => Promise<boolean> {
  let last: boolean | undefined;
  return async () => {
    const look = () => attributeState(connection, namespace);
    const asked = connection.withDeadline(Date.now() + 10_000, look);
    const found = await asked.catch((error: unknown) => ({ error }));
    const complete = !('error' in found) && isComplete(found);
    if (!complete && last !== false)
      logger.warn(
        { namespace, ...found },
        'search attributes are not registered; runs go without them until `sluice setup` registers them',
      );
    last = complete;
    return complete;
  };
}

/** If one of them fails, the other is of no use. */
async function runAll(workers: readonly Worker[]): Promise<void> {
  await Promise.all(
    workers.map((worker) =>
      worker.run().catch((error: unknown) => {
        workers.forEach(stop);
        throw error;
      }),
    ),
  );
}

function stop(worker: Worker): void {
  if (worker.getState() === 'RUNNING' || worker.getState() === 'INITIALIZED') worker.shutdown();
}
