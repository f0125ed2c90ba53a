import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';

/** What a container engine remembers of one container, in its own words. */
export interface FakeContainer {
  status: 'created' | 'running' | 'exited';
  exitCode: number;
  error: string;
  log: string[];
  starts: number;
}

type Answer = (response: ServerResponse, name: string) => void;

/**
 * A small working container engine of as many calls as a supervisor needs, whose state a test sets as no real engine can be
 * brought to: it forgets its events, falls silent in a stream, refuses a start.
 */
export interface FakeDocker {
  socketPath: string;
  containers: Map<string, FakeContainer>;
  /** In the place of an answer, by the last word of the path: "json", "start", "kill", "events", "logs". */
  instead: Map<string, Answer>;
  /** The queries of all calls, by the same word. */
  asked: { call: string; query: URLSearchParams }[];
  add(name: string, container?: Partial<FakeContainer>): FakeContainer;
  tell(action: string, name: string, attributes?: Record<string, string>): void;
  /** As the engine does when one ends, with its signal, if it got one. */
  end(name: string, exitCode: number): void;
  /** Of a restart: nothing is remembered, and who listened has to come again. */
  forget(): void;
  close(): Promise<void>;
}

export async function startFakeDocker(folder: string): Promise<FakeDocker> {
  const containers = new Map<string, FakeContainer>();
  const instead = new Map<string, Answer>();
  const asked: FakeDocker['asked'] = [];
  const listeners = new Set<ServerResponse>();
  const followers = new Map<string, Set<ServerResponse>>();
  const startedMs = Date.now();
  let remembered: string[] = [];

  const tell = (action: string, name: string, attributes: Record<string, string> = {}) => {
    const at = remembered.length + 1;
    const line = `${JSON.stringify({ Action: action, timeNano: at * 1e9, Actor: { Attributes: { name, ...attributes } } })}\n`;
    remembered.push(line);
    for (const listener of listeners) listener.write(line);
  };
  const end = (name: string, exitCode: number) => {
    Object.assign(containers.get(name)!, { status: 'exited', exitCode });
    tell('die', name, { exitCode: String(exitCode) });
    for (const follower of followers.get(name) ?? []) follower.end();
  };

  const answers: Record<string, (response: ServerResponse, name: string, query: URLSearchParams) => void> = {
    json: (response, name) => {
      const { status, exitCode, error } = containers.get(name)!;
      const times = { StartedAt: new Date(startedMs).toISOString(), FinishedAt: new Date().toISOString() };
      send(response, 200, {
        State: { Status: status, ExitCode: exitCode, Error: error, OOMKilled: false, ...times },
      });
    },
    start: (response, name) => {
      const container = containers.get(name)!;
      if (container.status === 'running') {
        send(response, 304);
        return;
      }
      container.status = 'running';
      container.starts += 1;
      tell('start', name);
      send(response, 204);
    },
    kill: (response, name, query) => {
      tell('kill', name, { signal: query.get('signal')! });
      send(response, 204);
      end(name, 128 + Number(query.get('signal')));
    },
    events: (response, _name, query) => {
      response.flushHeaders();
      for (const line of remembered) response.write(line);
      if (query.has('until')) return void response.end();
      listeners.add(response);
      response.once('close', () => listeners.delete(response));
    },
    logs: (response, name, query) => {
      const { log, status } = containers.get(name)!;
      response.flushHeaders();
      const lines = query.has('tail') ? log.slice(-1) : log;
      for (const line of lines) response.write(frame(line));
      if (query.get('follow') !== '1' || status === 'exited') return void response.end();
      followers.set(name, (followers.get(name) ?? new Set()).add(response));
    },
  };

  const server = createServer((request: IncomingMessage, response) => {
    const { pathname, searchParams: query } = new URL(request.url!, 'http://engine');
    const [kind, name = '', last] = pathname.split('/').slice(1);
    const call = kind === 'events' ? kind : last!;
    asked.push({ call, query });
    const other = instead.get(call);
    if (other) other(response, decodeURIComponent(name));
    else if (call !== 'events' && !containers.has(name))
      send(response, 404, { message: `No such container: ${name}` });
    else answers[call]!(response, name, query);
  });
  const socketPath = join(folder, 'engine.sock');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));

  return {
    socketPath,
    containers,
    instead,
    asked,
    add(name, container = {}) {
      const made: FakeContainer = {
        status: 'created',
        exitCode: 0,
        error: '',
        log: [],
        starts: 0,
        ...container,
      };
      containers.set(name, made);
      return made;
    },
    tell,
    end,
    forget() {
      remembered = [];
      for (const listener of listeners) listener.end();
    },
    close: () => closeAll(server),
  };
}

/** With a time before it, as the supervisor asks for it. */
export function frame(line: string): Buffer {
  const text = Buffer.from(`2026-01-01T00:00:00.000000001Z ${line}\n`);
  const head = Buffer.alloc(8);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, text]);
}

export function send(response: ServerResponse, status: number, body?: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

function closeAll(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
