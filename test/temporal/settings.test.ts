import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configuredServer, described, serverSettings } from '../../src/temporal/settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const profiles = `
[profile.default]
address = "default.example:7233"
[profile.prod]
address = "prod.example:7233"
namespace = "ml.a1b2c"
api_key = "secret-of-prod"
[profile.prod.tls]
server_name = "temporal.example"
[profile.prod.grpc_meta]
team = "ml"
`;

describe('the settings of the Temporal server', () => {
  it('name none without variables and profile', () => {
    const env = { XDG_CONFIG_HOME: folder };
    expect(serverSettings(env)).toMatchObject({ address: null, namespace: 'default' });
    expect(configuredServer(env)).toBeNull();
  });

  it('come from the profile that TEMPORAL_PROFILE names, else from "default"', () => {
    const TEMPORAL_CONFIG_FILE = file('profiles.toml', profiles);
    expect(configuredServer({ TEMPORAL_CONFIG_FILE })).toMatchObject({
      address: 'default.example:7233',
      namespace: 'default',
      source: `the profile default of ${TEMPORAL_CONFIG_FILE}`,
    });
    expect(configuredServer({ TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE: 'prod' })).toMatchObject({
      address: 'prod.example:7233',
      namespace: 'ml.a1b2c',
      options: {
        apiKey: 'secret-of-prod',
        tls: { serverNameOverride: 'temporal.example' },
        metadata: { team: 'ml' },
      },
    });
  });

  it('come from a variable before the profile', () => {
    const env = {
      TEMPORAL_CONFIG_FILE: file('profiles.toml', profiles),
      TEMPORAL_PROFILE: 'prod',
      TEMPORAL_ADDRESS: '127.0.0.1:7000',
      TEMPORAL_NAMESPACE: 'other',
    };
    expect(configuredServer(env)).toMatchObject({
      address: '127.0.0.1:7000',
      namespace: 'other',
      source: 'TEMPORAL_ADDRESS',
    });
  });

  it('take an empty variable for one that is not set', () => {
    const env = {
      XDG_CONFIG_HOME: folder,
      TEMPORAL_ADDRESS: '',
      TEMPORAL_API_KEY: '',
      TEMPORAL_NAMESPACE: '',
    };
    expect(serverSettings(env)).toMatchObject({ address: null, namespace: 'default' });
    expect(serverSettings(env).options.tls).toBeUndefined();
  });

  it('turn TLS on with an API key', () => {
    const env = { XDG_CONFIG_HOME: folder, TEMPORAL_ADDRESS: 'cloud.example:7233', TEMPORAL_API_KEY: 'key' };
    expect(serverSettings(env).options.tls).toBe(true);
  });

  it('are told without secrets', () => {
    const env = {
      XDG_CONFIG_HOME: folder,
      TEMPORAL_ADDRESS: 'cloud.example:7233',
      TEMPORAL_API_KEY: 'secret',
      TEMPORAL_TLS_CLIENT_CERT_DATA: 'certificate',
      TEMPORAL_TLS_CLIENT_KEY_DATA: 'key',
    };
    expect(described(serverSettings(env))).toBe(
      'cloud.example:7233 (from TEMPORAL_ADDRESS; TLS with a client certificate, an API key)',
    );
  });

  it.each<[string, () => Record<string, string>, string, string]>([
    [
      'a configuration file that is not there',
      () => ({ TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' }),
      'InvalidInput',
      'TEMPORAL_CONFIG_FILE names /nowhere/temporal.toml, which does not exist',
    ],
    [
      'a profile that the file does not have',
      () => ({ TEMPORAL_CONFIG_FILE: file('profiles.toml', profiles), TEMPORAL_PROFILE: 'staging' }),
      'InvalidInput',
      "Profile 'staging' not found",
    ],
    [
      'a file that is no TOML',
      () => ({ TEMPORAL_CONFIG_FILE: file('broken.toml', '[profile.default\n') }),
      'InvalidInput',
      'cannot be used: Invalid TOML',
    ],
    [
      'a file without profiles',
      () => ({ TEMPORAL_CONFIG_FILE: file('empty.toml', '') }),
      'InvalidInput',
      'the file has no [profile.…]',
    ],
    [
      'a certificate that is not there',
      () => ({
        TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/cert.pem',
        TEMPORAL_TLS_CLIENT_KEY_PATH: '/nowhere/key.pem',
      }),
      'InvalidInput',
      '/nowhere/cert.pem',
    ],
    [
      'a certificate without its key',
      () => ({ TEMPORAL_TLS_CLIENT_CERT_DATA: 'certificate' }),
      'InvalidInput',
      'only one of them is set',
    ],
    [
      'a server that is not to be verified',
      () => ({ TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' }),
      'Unsupported',
      'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
    ],
  ])('refuse %s', (_title, env, code, message) => {
    const read = () => serverSettings({ XDG_CONFIG_HOME: folder, ...env() });
    expect(read).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });
});
