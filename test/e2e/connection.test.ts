import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRoot, jsonFrom, type Root } from '../cli/fixtures.ts';
import { makeCertificates } from '../support/certificates.ts';
import { command, sluice } from '../support/commands.ts';
import { findProgram } from '../support/real-parts.ts';
import { startServer, startWorkerProcess, type Server } from '../support/stack.ts';
import { startTlsProxy, type TlsProxy } from '../support/tls-proxy.ts';
import { temporalCli } from '../support/toolchain.ts';
import { until } from '../support/until.ts';

let folder: string;
let server: Server;
const at = (name: string) => join(folder, name);
/** Of a machine on which nothing is configured. */
const bare = () => ({ XDG_CONFIG_HOME: folder, SLUICE_ROOT: folder, SLUICE_HOME: at('.sluice') });

/** The Temporal CLI. @throws Error with what it said. */
async function temporal(args: string[], env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await command(temporalCli(), args, env);
  if (code !== 0) throw new Error(`temporal ${args.join(' ')}: ${stderr}`);
  return stdout;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-connection-'));
  server = await startServer({ dbFile: at('temporal.db'), searchAttributes: false });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const openssl = findProgram('openssl');

describe('a server behind TLS', () => {
  beforeEach(({ skip }) => skip(openssl === undefined, 'no openssl'));
  let mutual: TlsProxy;
  let keyed: TlsProxy;
  let root: Root;
  beforeAll(async () => {
    if (openssl === undefined) return;
    await makeCertificates(folder, 'server', 'client');
    const common = { target: server.address, cert: at('server-cert.pem'), key: at('server-key.pem') };
    mutual = await startTlsProxy({ ...common, clientAuthority: at('ca.pem') });
    keyed = await startTlsProxy({ ...common, apiKey: 'key-of-ml' });
    root = createRoot();
  });
  afterAll(async () => {
    if (openssl === undefined) return;
    await mutual.close();
    await keyed.close();
    await root.remove();
  });

  it('is reached by worker, command and Temporal CLI through one profile that the Temporal CLI wrote', async () => {
    const profile = { TEMPORAL_CONFIG_FILE: at('temporal.toml'), TEMPORAL_PROFILE: 'prod' };
    const settings = {
      address: mutual.address,
      namespace: 'ml',
      'tls.server_ca_cert_path': at('ca.pem'),
      'tls.client_cert_path': at('client-cert.pem'),
      'tls.client_key_path': at('client-key.pem'),
    };
    for (const [name, value] of Object.entries(settings))
      await temporal(['config', 'set', '--prop', name, '--value', value], profile);
    await temporal(['operator', 'namespace', 'create', '--namespace', 'ml', '--retention', '2d'], profile);

    const env = { ...profile, SLUICE_ROOT: root.path, SLUICE_HOME: root.home };
    expect(await sluice(['setup'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Registered in namespace ml: SluicePipeline'),
    });
    // Empty is as good as unset.
    const worker = await startWorkerProcess({ root: root.path, address: '', env });
    try {
      const run = await root.start(['run', root.pipeline(), '--json'], env).ended;
      expect(run.code, run.stderr).toBe(0);
      const { workflowId } = jsonFrom(run) as { workflowId: string };
      const query = ['workflow', 'list', '--query', 'SluicePipeline="small"'];
      // Lists are a little behind.
      await until(async () => (await temporal(query, profile)).includes(workflowId));
      expect(worker.log()).not.toContain('search attributes are not registered');
      const passed = await sluice(['temporal', 'workflow', 'count'], env);
      expect(passed.stdout).toContain('1');
    } finally {
      await worker.stop();
    }
    expect(mutual.requests.every(({ hasClientCertificate }) => hasClientCertificate)).toBe(true);
    expect(mutual.requests.map(({ path }) => path)).toContain(
      '/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue',
    );
  });

  it('gets the API key with every request, and a wrong one is AccessDenied', async () => {
    const env = {
      ...bare(),
      TEMPORAL_ADDRESS: keyed.address,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: at('ca.pem'),
    };
    const right = await sluice(['setup'], { ...env, TEMPORAL_API_KEY: 'key-of-ml' });
    expect(right).toMatchObject({ code: 0 });
    expect(keyed.requests.every(({ authorization }) => authorization === 'Bearer key-of-ml')).toBe(true);
    for (const name of ['setup', 'worker']) {
      const wrong = await sluice([name], { ...env, TEMPORAL_API_KEY: 'another' });
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toContain(
        `The Temporal server at ${keyed.address} (from TEMPORAL_ADDRESS; TLS, an API key) refuses: bad key`,
      );
      expect(wrong.stderr).not.toContain('another');
    }
  });

  // gRPC takes ten seconds to give up.
  it.concurrent.each<[string, () => Record<string, string>, string]>([
    [
      'whose authority is not known',
      () => ({ TEMPORAL_ADDRESS: mutual.address, TEMPORAL_TLS: 'true' }),
      'self-signed certificate in certificate chain',
    ],
    [
      'that has no name of this kind',
      () => ({
        TEMPORAL_ADDRESS: mutual.address,
        TEMPORAL_TLS_SERVER_CA_CERT_PATH: at('ca.pem'),
        TEMPORAL_TLS_SERVER_NAME: 'elsewhere.example',
      }),
      "Host: elsewhere.example. is not in the cert's altnames",
    ],
    [
      'that wants a client certificate',
      () => ({
        TEMPORAL_ADDRESS: mutual.address,
        TEMPORAL_TLS_SERVER_CA_CERT_PATH: at('ca.pem'),
      }),
      'certificate required',
    ],
    [
      'that has no TLS',
      () => ({ TEMPORAL_ADDRESS: server.address, TEMPORAL_TLS: 'true' }),
      'does not speak TLS',
    ],
    ['that has TLS, asked without', () => ({ TEMPORAL_ADDRESS: mutual.address }), 'TEMPORAL_TLS=true'],
  ])('is told why it is not reached: a server %s', async (_title, env, reason) => {
    const ended = ['setup', 'worker'].map((name) => sluice([name], { ...bare(), ...env() }));
    for (const { code, stderr } of await Promise.all(ended)) {
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(reason) });
      expect(stderr).toContain('No Temporal server answers at');
    }
  });
});

describe('sluice setup', () => {
  it('registers the search attributes once, and workers that run take them from then on', async () => {
    const root = createRoot();
    const env = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'late', SLUICE_HOME: root.home };
    await temporal(['operator', 'namespace', 'create', '--retention', '2d', '--namespace', 'late'], env);
    const worker = await startWorkerProcess({ root: root.path, address: server.address, env });
    const connection = await Connection.connect({ address: server.address });
    const attributesOf = async (workflowId: string) => {
      const handle = new Client({ connection, namespace: 'late' }).workflow.getHandle(workflowId);
      return (await handle.describe()).typedSearchAttributes.getAll().map(({ key }) => key.name);
    };
    try {
      expect(worker.log()).toContain('until `sluice setup` registers them');
      const before = await root.start(['run', root.pipeline(), '--json'], env).ended;
      expect(before.code, before.stderr).toBe(0);
      expect(await attributesOf(jsonFrom(before).workflowId)).not.toContain('SluicePipeline');

      expect(await sluice(['setup'], env)).toMatchObject({ code: 0 });
      const again = await sluice(['setup'], env);
      expect(again.stdout).toContain('Namespace late has all search attributes');
      const after = await root.start(['run', root.pipeline(), '--json'], env).ended;
      expect(after.code, after.stderr).toBe(0);
      expect(await attributesOf(jsonFrom(after).workflowId)).toEqual(
        expect.arrayContaining(['SluicePipeline', 'SluiceOutcome', 'SluiceMetricValue']),
      );
    } finally {
      await worker.stop();
      await connection.close();
      await root.remove();
    }
  });

  it('refuses an attribute of another type, which would hold up every run', async () => {
    const env = { ...bare(), TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'mistyped' };
    await temporal(['operator', 'namespace', 'create', '--retention', '2d', '--namespace', 'mistyped'], env);
    const attribute = ['--name', 'SluiceMetricValue', '--type', 'Keyword'];
    await temporal(['operator', 'search-attribute', 'create', ...attribute], env);
    const { code, stderr } = await sluice(['setup'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('SluiceMetricValue (must be Double)');
  });

  it('says which namespace is missing', async () => {
    const env = { ...bare(), TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'nowhere' };
    const { code, stderr } = await sluice(['setup'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('temporal operator namespace create --namespace nowhere');
  });

  it('says what to do where no server is named', async () => {
    const { code, stderr } = await sluice(['setup'], bare());
    expect(code).toBe(2);
    expect(stderr).toContain('set TEMPORAL_ADDRESS or a profile');
  });
});
