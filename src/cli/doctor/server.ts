import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGrpcServiceError } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { searchAttributeTypes } from '../../core/run.ts';
import { hostsQueue, jobsQueue } from '../../core/task-queues.ts';
import { loadDataConverter } from '../../data-converter.ts';
import { queueState, type QueueState, type QueueType } from '../../temporal/queues.ts';
import { attributeState } from '../../temporal/search-attributes.ts';
import { findSession, type Session } from '../server/session.ts';
import { lastLine, type Check } from './check.ts';

/** The Temporal server, and what of the deployment it knows. */
export async function checkServer(config: Config): Promise<Check[]> {
  const encryption = await checkEncryption(config);
  if (encryption.state === 'failure') return [encryption];
  const what = 'Temporal server';
  let session: Session | null;
  try {
    session = await findSession(config);
  } catch (error) {
    const todo = 'start it, or correct TEMPORAL_ADDRESS or the profile';
    return [encryption, { what, state: 'failure', said: lastLine(error), todo }];
  }
  if (session === null) {
    const said = 'none runs; `sluice run` starts one for itself, `sluice dev` one that stays';
    return [encryption, { what, state: 'note', said }];
  }
  const { address, kind } = session.server;
  const found = {
    configured: 'TEMPORAL_ADDRESS or profile',
    dev: '`sluice dev`',
    embedded: 'of a `sluice run`',
  };
  try {
    const namespace = await checkNamespace(session);
    return [
      encryption,
      { what, state: 'ok', said: `${address} (${found[kind]})` },
      namespace,
      ...(namespace.state === 'failure'
        ? []
        : [
            await checkSearchAttributes(session),
            ...(await checkVersion(config, session)),
            ...(await checkQueues(config, session)),
          ]),
    ];
  } finally {
    await session.close();
  }
}

async function checkEncryption(config: Config): Promise<Check> {
  const what = 'encryption';
  try {
    await loadDataConverter(config);
    return config.encryptionKeys === null
      ? { what, state: 'note', said: 'none: histories are readable for whoever may read the namespace' }
      : { what, state: 'ok', said: 'payloads are encrypted' };
  } catch (error) {
    return { what, state: 'failure', said: lastLine(error), todo: 'correct SLUICE_ENCRYPTION_KEYS' };
  }
}

/** gRPC's status code. */
const notFound = 5;

async function checkNamespace({ client, server: { namespace } }: Session): Promise<Check> {
  const what = 'namespace';
  try {
    const { config } = await client.workflowService.describeNamespace({ namespace });
    const days = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400;
    const said = `${namespace}; runs are kept for ${days === 1 ? '1 day' : `${Number(days.toFixed(1))} days`}`;
    return { what, state: 'ok', said };
  } catch (error) {
    if (isGrpcServiceError(error) && (error.code as number) === notFound) {
      const todo = `\`temporal operator namespace create --namespace ${namespace}\`, then \`sluice setup\``;
      return { what, state: 'failure', said: `there is no ${namespace}`, todo };
    }
    return { what, state: 'failure', said: lastLine(error), todo: 'see what the server says' };
  }
}

async function checkSearchAttributes({ client, server: { namespace } }: Session): Promise<Check> {
  const what = 'search attributes';
  try {
    const { missing, mistyped } = await attributeState(client.connection, namespace);
    if (mistyped.length > 0) {
      const todo = 'remove them (`temporal operator search-attribute remove`), then `sluice setup`';
      return { what, state: 'failure', said: `${mistyped.join(', ')} have another type`, todo };
    }
    if (missing.length === 0)
      return { what, state: 'ok', said: Object.keys(searchAttributeTypes).join(', ') };
    const said = `${missing.join(', ')} not registered; runs go on, and are not found by them`;
    return { what, state: 'warning', said, todo: '`sluice setup` registers them' };
  } catch (error) {
    const said = `cannot be asked for here (${lastLine(error)})`;
    return { what, state: 'warning', said, todo: 'runs go without them where they are missing' };
  }
}

/** With worker versioning a deployment without a current version does nothing at all, whoever polls. */
async function checkVersion({ version }: Config, { client, server }: Session): Promise<Check[]> {
  if (version === null) return [];
  const what = 'worker version';
  const { deploymentName, buildId } = version;
  const todo = `\`temporal worker deployment set-current-version --deployment-name ${deploymentName} --build-id ${buildId}\``;
  try {
    const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({
      namespace: server.namespace,
      deploymentName,
    });
    const current = workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
    if (current) return [{ what, state: 'ok', said: `${current} is the current one of ${deploymentName}` }];
    const said = `${deploymentName} has no current version: new runs wait`;
    return [{ what, state: 'failure', said, todo }];
  } catch (error) {
    if (isGrpcServiceError(error) && (error.code as number) === notFound) {
      const said = `no worker of the deployment ${deploymentName} has been there`;
      return [{ what, state: 'failure', said, todo: `start one, then ${todo}` }];
    }
    return [{ what, state: 'failure', said: lastLine(error), todo: 'see what the server says' }];
  }
}

interface Queue {
  what: string;
  queue: string;
  type: QueueType;
  /** So long nothing should wait. */
  patienceSeconds: number;
  /** If nobody polls it. */
  unpolled: Pick<Check, 'state' | 'todo'>;
}

async function checkQueues(config: Config, { client, server }: Session): Promise<Check[]> {
  const checks = (await queuesOf(config)).map(async (queue): Promise<Check> => {
    try {
      return judge(queue, await queueState(client.connection, server.namespace, queue.queue, queue.type));
    } catch (error) {
      const said = `${queue.queue} cannot be looked at: ${lastLine(error)}`;
      return { what: queue.what, state: 'failure', said, todo: 'see what the server says' };
    }
  });
  return Promise.all(checks);
}

async function queuesOf({ taskQueue, queues, home }: Config): Promise<Queue[]> {
  const host = await readFile(join(home, 'host-name'), 'utf8').catch(() => null);
  const start = (why: string): Queue['unpolled'] => ({
    state: 'failure',
    todo: `start one with \`sluice worker\`${why}`,
  });
  const local: Queue['unpolled'] = queues.local
    ? start(' (SLUICE_QUEUES with "local")')
    : { state: 'note', todo: 'runs with steps in mode "local" wait' };
  return [
    {
      what: 'workers',
      queue: taskQueue,
      type: 'workflow',
      patienceSeconds: 60,
      unpolled: start(''),
    },
    {
      what: 'workers for local runs',
      queue: hostsQueue(taskQueue),
      type: 'activity',
      patienceSeconds: 60,
      unpolled: local,
    },
    ...(host === null || !queues.local
      ? []
      : [
          {
            what: 'jobs of this home',
            queue: jobsQueue(taskQueue, host.trim()),
            type: 'activity' as const,
            patienceSeconds: 1800,
            unpolled: start(' and this SLUICE_HOME: runs that are bound to it wait'),
          },
        ]),
  ];
}

function judge(
  { what, queue, patienceSeconds, unpolled }: Queue,
  { workers, backlog, backlogAgeSeconds }: QueueState,
): Check {
  const waiting =
    backlog === 0 ? '' : `; ${backlog} waiting, the first for ${Math.round(backlogAgeSeconds)} s`;
  if (workers.length === 0) return { what, said: `none polls the queue ${queue}${waiting}`, ...unpolled };
  const said = `${workers.join(', ')} at the queue ${queue}${waiting}`;
  return backlogAgeSeconds > patienceSeconds
    ? { what, state: 'warning', said, todo: 'start more workers, or wait for the jobs before' }
    : { what, state: 'ok', said };
}
