import { join } from 'node:path';
import type { Cloud, Dependencies } from './activities/dependencies.ts';
import { createBucketsApi } from './aws/buckets.ts';
import { createLogsApi } from './aws/cloudwatch-logs.ts';
import type { CallListener } from './aws/listening.ts';
import { createS3 } from './aws/s3.ts';
import { createSageMakerApi } from './aws/sagemaker.ts';
import { createOpenSession, openAccount } from './aws/session.ts';
import { createStsApi } from './aws/sts.ts';
import { stagingFolder, type Config } from './config.ts';
import { sessionUri, type ResolvedSession } from './core/session.ts';
import { createBudgets } from './engines/sagemaker/budget.ts';
import { createCalls } from './engines/sagemaker/calls.ts';
import { createClock, type Clock } from './engines/sagemaker/clock.ts';
import { createSageMakerEngine } from './engines/sagemaker/engine.ts';
import { frameworkImageUri, knowsRegion } from './engines/sagemaker/images.ts';
import { sweepJobs } from './engines/sagemaker/sweep.ts';
import { createStagedEngine } from './engines/staged.ts';
import { createSageMakerRegistry } from './registry/sagemaker-registry.ts';
import { fetchToLocal } from './storage/fetch-to-local.ts';
import { repackModelOnS3 } from './storage/s3/repack.ts';
import { createS3Storage } from './storage/s3-storage.ts';

/** What a worker needs for runs in AWS. */
export type CloudDependencies = Pick<
  Dependencies,
  'openSession' | 'cloud' | 'frameworkImage' | 'fetchToLocal' | 'sweep'
> & {
  /** From S3 to S3. */
  repackModel: (
    model: Parameters<Dependencies['repackModel']>[0],
    session: ResolvedSession,
    signal: AbortSignal,
  ) => Promise<void>;
};

/** Clients load when they are first used: a worker without runs in AWS neither has them nor needs any AWS settings. */
export function createCloudDependencies(config: Config, onCall?: CallListener): CloudDependencies {
  const clock = createClock(config.emulatorSpeed);
  // A sweep asks within the same budget as the runs.
  const shared = { clock, budgetOf: createBudgets(clock), onCall };
  const cloud = createClouds(config, shared);
  /** With the AWS settings of this machine, for runs without a session. Nothing is uploaded to its root. */
  const readOnlyS3 = () => createS3Storage(createS3({ onCall }), 's3://sluice');
  const downloads = join(config.storageFolder, 'downloads');
  const fetch: Dependencies['fetchToLocal'] = (uri, session, signal) =>
    fetchToLocal(session === null ? readOnlyS3() : cloud(session).storage, downloads, uri, signal);
  return {
    openSession: createOpenSession({
      sts: createStsApi(onCall),
      knowsRegion,
      buckets: createBucketsApi(onCall),
      defaults: { role: config.role, bucket: config.bucket },
    }),
    cloud,
    sweep: createSweep(shared),
    frameworkImage: frameworkImageUri,
    fetchToLocal: fetch,
    repackModel: async ({ artifactUri, codeUri, targetUri }, session, signal) => {
      const codeFolder = await fetch(codeUri, session, signal);
      await repackModelOnS3(cloud(session).storage, { artifactUri, codeFolder, targetUri }, signal);
    },
  };
}

interface Shared {
  clock: Clock;
  budgetOf: ReturnType<typeof createBudgets>;
  onCall: CallListener | undefined;
}

/** One for each place: what an engine has seen, the budget of calls and the memory of transfers are shared by all runs there. */
function createClouds(
  config: Config,
  { clock, budgetOf, onCall }: Shared,
): (session: ResolvedSession) => Cloud {
  const engines = new Map<string, Pick<Cloud, 'engine' | 'registry'>>();
  const storages = new Map<string, Cloud['storage']>();

  const openEngine = ({ accountId, region }: ResolvedSession) => {
    const api = createSageMakerApi(region, onCall);
    const budget = budgetOf(accountId, region);
    return {
      engine: createSageMakerEngine({ api, logs: createLogsApi(region, onCall), budget, clock }),
      registry: createSageMakerRegistry(createCalls(api, budget, clock), clock),
    };
  };

  return (session) => {
    const { accountId, region } = session;
    const rootUri = sessionUri(session);
    const storage = once(storages, `${region} ${rootUri}`, () =>
      createS3Storage(createS3({ region, onCall }), rootUri),
    );
    return {
      ...once(engines, `${accountId} ${region}`, () => openEngine(session)),
      storage,
      stage: (engine) => createStagedEngine(engine, storage, stagingFolder(config)),
    };
  };
}

/** Jobs are looked for where the credentials of this process work, whatever runs a worker had. */
function createSweep({ clock, budgetOf, onCall }: Shared): CloudDependencies['sweep'] {
  return async (options, signal) => {
    const { region, accountId } = await openAccount(
      { sts: createStsApi(onCall), knowsRegion },
      options.region,
      signal,
    );
    const call = createCalls(createSageMakerApi(region, onCall), budgetOf(accountId, region), clock);
    const { namespace, dryRun } = options;
    return { region, accountId, namespace, dryRun, ...(await sweepJobs({ call, clock, signal }, options)) };
  };
}

function once<T>(made: Map<string, T>, key: string, make: () => T): T {
  const value = made.get(key) ?? make();
  made.set(key, value);
  return value;
}
