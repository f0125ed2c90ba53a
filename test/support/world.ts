import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dependencies } from '../../src/activities/dependencies.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { createAddressRules } from '../../src/notify/addresses.ts';
import { createEmailNotifier } from '../../src/notify/email.ts';
import { createNotifier } from '../../src/notify/notifier.ts';
import { createSecretReader } from '../../src/secrets.ts';
import { createSnsNotifier } from '../../src/notify/sns.ts';
import { createWebhookNotifier } from '../../src/notify/webhook.ts';
import { createSnsApi } from '../../src/aws/sns.ts';
import { createFileRegistry } from '../../src/registry/file-registry.ts';
import { repackModel } from '../../src/storage/archive.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { createFileStorage } from '../../src/storage/file-storage.ts';
import { findInRoots } from '../../src/storage/root-paths.ts';

/** A root with the files that {@link smallPipeline} names. */
export async function makeRoot(): Promise<{ root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  await writeSmallRoot(root);
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}

export async function writeSmallRoot(root: string): Promise<void> {
  await mkdir(join(root, 'code'));
  for (const script of ['preprocess.py', 'train.py', 'evaluate.py', 'inference.py']) {
    await writeFile(join(root, 'code', script), `# ${script}\n`);
  }
  await writeFile(join(root, 'data.csv'), '1,2\n3,4\n');
  await writeFile(join(root, 'batch.csv'), '1\n2\n3\n');
}

const readSecret = createSecretReader((name) => process.env[name]);

/** Everything real but the engine. */
export function makeDependencies(root: string, engine: Engine, registered = true): Dependencies {
  const storageFolder = join(root, '.sluice', 'storage');
  const storage = createFileStorage(storageFolder, [root]);
  return {
    host: 'here',
    engines: { [engine.name]: engine },
    chooseLocalEngine: () => Promise.resolve(engine),
    storage,
    registry: createFileRegistry(join(root, '.sluice', 'registry')),
    notifier: createNotifier({
      webhook: createWebhookNotifier({ readSecret, rules: createAddressRules(['127.0.0.1']) }),
      sns: createSnsNotifier(createSnsApi()),
      email: createEmailNotifier({ smtpUrl: null, from: null, readSecret }),
    }),
    instanceCaps: {},
    uiUrl: 'http://ui.example',
    hasSearchAttributes: () => Promise.resolve(registered),
    findInput: (what, location) => findInRoots(what, location, root, [root, storageFolder]),
    openSession: withoutCloud,
    cloud: withoutCloud,
    frameworkImage: withoutCloud,
    fetchToLocal: withoutCloud,
    sweep: withoutCloud,
    repackModel: ({ artifactUri, codeUri, targetUri }, _session, signal) =>
      repackModel(
        storage.localPath(artifactUri),
        storage.localPath(codeUri),
        storage.localPath(targetUri),
        signal,
      ),
  };
}

function withoutCloud(): never {
  throw new SluiceError('Unsupported', 'This world has no cloud');
}

export interface Delivery {
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

/** A receiver of webhooks, which may take its time to answer. */
export async function startReceiver(
  status = 200,
  delayMs = 0,
): Promise<{ url: string; deliveries: Delivery[]; close(): Promise<void> }> {
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
      setTimeout(() => response.writeHead(status).end(), delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    deliveries,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
