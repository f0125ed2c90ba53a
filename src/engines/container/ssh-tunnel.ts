import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { get } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { describeAddress, type EngineAddress } from './address.ts';

export type SshAddress = Extract<EngineAddress, { kind: 'ssh' }>;

export interface SshTunnel {
  /** Speaks Docker's API, in a folder that only this user can enter. Gone when this process ends. */
  socketPath: string;
  close(): Promise<void>;
}

const folderPrefix = 'sluice-ssh-';
const socketName = 'docker.sock';

/** The names of the folders of tunnels among the temporary files. */
export const tunnelPattern = new RegExp(`^${folderPrefix}`);

/** Whether nobody listens there any more: the process was killed before it could remove the folder. */
export function isDeadTunnel(folder: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(join(folder, socketName));
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

/** Enough to tell what was wrong: `ssh` prints its reason last. */
const maxComplaint = 2000;

/** The command that joins its standard input and output to the engine, as the Docker CLI runs it. */
export function sshCommand({ destination, port, remotePath }: SshAddress): [string, ...string[]] {
  const host = remotePath === null ? [] : ['--host', shellQuoted(`unix://${remotePath}`)];
  return [
    'ssh',
    // Nobody is there to answer a question, and a host that went away must not hang for ever.
    ...['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=30'],
    ...['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=3', '-T'],
    ...(port === null ? [] : ['-p', String(port)]),
    ...['--', destination, 'docker', ...host, 'system', 'dial-stdio'],
  ];
}

/**
 * Opens a socket of this machine that is the engine's of another one: each connection to it is an `ssh` of its own. A connection
 * that cannot be made later on answers with status 502 and what `ssh` said. Keeps no process alive.
 * @throws SluiceError `EngineUnavailable` with what `ssh` said, if the engine does not answer now.
 */
export async function openSshTunnel(address: SshAddress): Promise<SshTunnel> {
  const folder = await mkdtemp(join(tmpdir(), folderPrefix));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    joinToEngine(socket, address);
  });
  const socketPath = join(folder, socketName);
  const tunnel: SshTunnel = {
    socketPath,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      process.off('exit', removeFolder);
      removeFolder();
    },
  };
  try {
    await listen(server, socketPath);
    await ping(socketPath, address);
  } catch (error) {
    await tunnel.close();
    throw error;
  }
  return tunnel;
}

/** The client's end of a connection keeps the process alive while it is in use; this end must not. */
function joinToEngine(socket: Socket, address: SshAddress): void {
  socket.unref();
  const [file, ...args] = sshCommand(address);
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as Socket).unref();

  let complaint = '';
  let answered = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = `${complaint}${text}`.slice(-maxComplaint);
  });
  child.stdout.once('data', () => (answered = true));
  socket.pipe(child.stdin);
  child.stdout.pipe(socket, { end: false });
  // Either side may hang up in the middle of a word; its other half hears of it by 'close'.
  child.stdin.on('error', () => undefined);
  socket.on('error', () => undefined);
  socket.once('close', () => child.kill());
  child.once('error', ({ message }) => {
    refuse(socket, `ssh cannot be started: ${message}`);
  });
  child.once('close', (code) => {
    if (answered || socket.writableEnded) socket.end();
    else refuse(socket, `${address.destination}: ${complaint.trim() || `ssh ended with exit code ${code}`}`);
  });
}

/** Whatever was asked, in the form in which an engine tells of errors. */
function refuse(socket: Socket, message: string): void {
  const body = JSON.stringify({ message });
  const head = [
    'HTTP/1.1 502 Bad Gateway',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolve();
    });
  });
}

function ping(socketPath: string, address: SshAddress): Promise<void> {
  const unavailable = (why: string, cause?: unknown) =>
    new SluiceError(
      'EngineUnavailable',
      `No container engine answers at ${describeAddress(address)}: ${why}`,
      {
        cause,
      },
    );
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path: '/_ping', agent: false, timeout: 45_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('error', (error) => reject(unavailable(error.message, error)));
      response.once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(unavailable(messageIn(body) ?? `status ${response.statusCode}`));
      });
    });
    request.once('timeout', () => request.destroy(new Error('no answer within 45 s')));
    request.once('error', (error) => reject(unavailable(error.message, error)));
  });
}

function messageIn(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { message?: string }).message;
  } catch {
    return undefined;
  }
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
