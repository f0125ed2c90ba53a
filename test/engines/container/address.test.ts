import { describe, expect, it } from 'vitest';
import { describeAddress, parseAddress, type EngineAddress } from '../../../src/engines/container/address.ts';

const tls = { ca: '/ca.pem', cert: null, key: null, rejectUnauthorized: true };
const parse = (text: string, withTls = false) => parseAddress(text, 'DOCKER_HOST', withTls ? tls : null);
const ssh = (destination: string, port: number | null = null, remotePath: string | null = null) =>
  ({ kind: 'ssh', destination, port, remotePath }) as const;

describe('the address of an engine', () => {
  const understood: [string, EngineAddress][] = [
    ['unix:///var/run/docker.sock', { kind: 'socket', path: '/var/run/docker.sock' }],
    ['unix:///home/ann/a b/docker.sock', { kind: 'socket', path: '/home/ann/a b/docker.sock' }],
    ['unix://', { kind: 'socket', path: '/var/run/docker.sock' }],
    [' unix:///run/x.sock\n', { kind: 'socket', path: '/run/x.sock' }],
    ['tcp://engine:1234', { kind: 'tcp', host: 'engine', port: 1234, tls: null }],
    ['tcp://engine:80/', { kind: 'tcp', host: 'engine', port: 80, tls: null }],
    ['tcp://engine', { kind: 'tcp', host: 'engine', port: 2375, tls: null }],
    ['tcp://:2375', { kind: 'tcp', host: 'localhost', port: 2375, tls: null }],
    ['engine:1234', { kind: 'tcp', host: 'engine', port: 1234, tls: null }],
    ['tcp://[::1]:1234', { kind: 'tcp', host: '::1', port: 1234, tls: null }],
    ['ssh://engine', ssh('engine')],
    ['ssh://ann@engine', ssh('ann@engine')],
    ['ssh://ann@engine:22', ssh('ann@engine', 22)],
    ['ssh://ann@[::1]:22', ssh('ann@::1', 22)],
    ['ssh://ann%40corp@engine', ssh('ann@corp@engine')],
    ['ssh://ann@engine/run/user/1000/docker.sock', ssh('ann@engine', null, '/run/user/1000/docker.sock')],
  ];

  it.each(understood)('is read from %j', (text, address) => {
    expect(parse(text)).toEqual(address);
  });

  it('has port 2376 and its certificates with TLS', () => {
    expect(parse('tcp://engine', true)).toEqual({ kind: 'tcp', host: 'engine', port: 2376, tls });
    expect(parse('unix:///x', true)).toEqual({ kind: 'socket', path: '/x' });
  });

  it.each([
    ['', 'has no host'],
    ['tcp://', 'has no host'],
    ['unix://docker.sock', 'not absolute'],
    ['http://engine:1234', 'unknown scheme "http"'],
    ['npipe:////./pipe/docker_engine', 'unknown scheme "npipe"'],
    ['fd://', 'unknown scheme "fd"'],
    ['tcp://engine:port', 'cannot be read'],
    ['tcp://engine:99999', 'cannot be read'],
    ['tcp://engine:0', 'the port 0'],
    ['tcp://engine:1234/prefix', 'more than host and port'],
    ['tcp://ann@engine:1234', 'more than host and port'],
    ['tcp://engine:1234?x=1', 'a query'],
    ['ssh://', 'has no host'],
    ['ssh://-oProxyCommand=touch@engine', 'starts with a hyphen'],
    ['ssh://ann%zz@engine', 'cannot be read'],
  ])('is refused with what is wrong and what it takes: %j', (text, why) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({
        code: 'InvalidInput',
        message: expect.stringMatching(
          new RegExp(
            `^DOCKER_HOST is not the address .*${why}.*; it takes unix:///path, tcp://host:port`,
            's',
          ),
        ),
      }),
    );
  });

  it('is refused without its password, which is not shown', () => {
    expect(() => parse('ssh://ann:hunter2@engine')).toThrow(/ssh:\/\/ann:…@engine" has a password in it/);
    expect(() => parse('ssh://ann:hunter2@engine')).not.toThrow(/hunter2/);
  });

  it.each([
    'unix:///x',
    'tcp://engine:1234',
    'tcp://[::1]:1234',
    'ssh://ann@engine:22/run/docker.sock',
    'ssh://engine',
  ])('is shown as it was written: %s', (text) => {
    expect(describeAddress(parse(text))).toBe(text);
  });
});
