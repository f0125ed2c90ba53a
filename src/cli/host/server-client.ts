import { connect } from 'node:net';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';

/** What the host itself asks its server. */
export interface ServerClient {
  hasOpenRuns(): Promise<boolean>;
  close(): void;
}

/** Null while the server doesn't serve the namespace yet. */
export async function connectServer(address: string, namespace: string): Promise<ServerClient | null> {
  // A gRPC channel that was refused once waits a second before it tries again.
  if (!(await isListening(address))) return null;
  const connection = Connection.lazy({ address });
  try {
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + 1000, () => workflowService.describeNamespace({ namespace }));
    await keepHistory(connection, namespace);
    return {
      // If it can't tell now, it will in a second.
      hasOpenRuns: () =>
        connection
          .withDeadline(Date.now() + 5000, () =>
            workflowService.countWorkflowExecutions({ namespace, query: 'ExecutionStatus="Running"' }),
          )
          .then(
            ({ count }) => Number(count) > 0,
            () => true,
          ),
      close: () => void connection.close(),
    };
  } catch {
    await connection.close();
    return null;
  }
}

/** The dev server forgets closed runs after a day, which is too short to look back at them. */
async function keepHistory(connection: Connection, namespace: string): Promise<void> {
  const config = { workflowExecutionRetentionTtl: msToTs('90 days') };
  await connection.workflowService.updateNamespace({ namespace, config });
}

function isListening(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host: host ?? '', port: Number(port) });
    const settle = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', settle(true));
    socket.once('error', settle(false));
  });
}
