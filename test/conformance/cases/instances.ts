import { expect } from 'vitest';
import type { ConformanceCase, Result } from '../contract.ts';
import { sources } from '../sources.ts';

const two = { instanceCount: 2 };
const hosts = ['algo-1', 'algo-2'];
const processingHost = 'HOST = json.loads(read("config/resourceconfig.json"))["current_host"]\n';
const trainingHost = 'HOST = json.loads(read("input/config/resourceconfig.json"))["current_host"]\n';
/** Every host writes a file of its own to the same output. */
const tell = (expression: string) => `write("processing/output/out/" + HOST, json.dumps(${expression}))`;
const data = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.csv`, name]));
const listData = `${processingHost}${tell('sorted(os.listdir(ML + "/processing/input/data"))')}`;

async function told({ output }: Result): Promise<Record<string, unknown>> {
  const found = [...(await output())].map(([name, text]) => [name, JSON.parse(text) as unknown]);
  return Object.fromEntries(found) as Record<string, unknown>;
}

/** Waits until the other host has connected and been connected to: neither may end before. */
const meet = `
import socket, threading
other = "algo-2" if HOST == "algo-1" else "algo-1"
listener = socket.create_server(("", 5000))
heard = []
def listen():
    connection, _ = listener.accept()
    heard.append(connection.recv(100).decode())
thread = threading.Thread(target=listen)
thread.start()
deadline = time.monotonic() + 60
while True:
    try:
        with socket.create_connection((other, 5000), timeout=5) as connection:
            connection.sendall(HOST.encode())
        break
    except OSError:
        if time.monotonic() > deadline: raise
        time.sleep(0.1)
thread.join(60)
`;

export const instanceCases: ConformanceCase[] = [
  {
    id: 'instances-resourceconfig',
    title: 'On two instances each host finds its own current_host and all hosts, and the outputs are merged',
    source: sources.processingConfig,
    kind: 'Processing',
    job: (lab) =>
      lab.script(`${processingHost}${tell('json.loads(read("config/resourceconfig.json"))')}`, two),
    ends: { status: 'succeeded' },
    async verify(result) {
      expect(await told(result)).toEqual({
        'algo-1': expect.objectContaining({ current_host: 'algo-1', hosts }),
        'algo-2': expect.objectContaining({ current_host: 'algo-2', hosts }),
      });
    },
  },
  {
    id: 'instances-training-model',
    title: 'The models of two training hosts are merged into one model.tar.gz',
    source: sources.trainingOutput,
    kind: 'Training',
    job: (lab) => lab.trainer(`${trainingHost}write("model/" + HOST, HOST)`, two),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      const files = (await archive('model.tar.gz'))!.filter(({ type }) => type === 'file');
      expect(files.map(({ name, text }) => [name, text]).sort()).toEqual(hosts.map((host) => [host, host]));
    },
  },
  {
    id: 'instances-script-mode',
    title: 'Script mode tells two hosts SM_CURRENT_HOST and SM_HOSTS',
    source: sources.toolkit,
    kind: 'Training',
    job: (lab) =>
      lab.scriptMode('write("model/" + os.environ["SM_CURRENT_HOST"], os.environ["SM_HOSTS"])', two),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      const files = (await archive('model.tar.gz'))!.filter(({ type }) => type === 'file');
      expect(files.map(({ name, text }) => [name, text]).sort()).toEqual(
        hosts.map((host) => [host, '["algo-1","algo-2"]']),
      );
    },
  },
  {
    id: 'instances-network',
    title: 'Two hosts reach each other by name',
    source: sources.trainingRun,
    kind: 'Processing',
    job: (lab) => lab.script(`${processingHost}${meet}${tell('heard')}`, two),
    ends: { status: 'succeeded' },
    async verify(result) {
      expect(await told(result)).toEqual({ 'algo-1': ['algo-2'], 'algo-2': ['algo-1'] });
    },
  },
  {
    id: 'instances-sharded',
    title: 'ShardedByS3Key gives every file to exactly one of the hosts',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.script(listData, { ...two, inputs: { data }, distribution: 'ShardedByS3Key' }),
    ends: { status: 'succeeded' },
    async verify(result) {
      const shards = await told(result);
      expect(Object.values(shards).map((shard) => (shard as string[]).length)).toEqual([2, 2]);
      expect(Object.values(shards).flat().sort()).toEqual(Object.keys(data));
    },
  },
  {
    id: 'instances-replicated',
    title: 'FullyReplicated gives every file to every host',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.script(listData, { ...two, inputs: { data } }),
    ends: { status: 'succeeded' },
    async verify(result) {
      expect(await told(result)).toEqual({ 'algo-1': Object.keys(data), 'algo-2': Object.keys(data) });
    },
  },
  {
    id: 'instances-one-fails',
    title: 'One host that does not exit with 0 fails the job, and the others are stopped',
    source: sources.processingExit,
    kind: 'Processing',
    job: (lab) =>
      lab.script(
        `${processingHost}report(done=True)\nif HOST == "algo-2": sys.exit(3)\ntime.sleep(300)`,
        two,
      ),
    ends: { status: 'failed', code: 'JobFailed', exitCode: 3 },
    async verify({ output, seconds }) {
      expect((await output()).size).toBe(0);
      expect(seconds).toBeLessThan(60);
    },
  },
  {
    id: 'instances-stop',
    title: 'A stop reaches both hosts',
    source: sources.processingStop,
    kind: 'Processing',
    job: (lab) =>
      lab.script(
        `${processingHost}
def stop(*_):
    print(HOST, "cleaned up", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print(HOST, "ready", flush=True)
time.sleep(300)`,
        two,
      ),
    async act(job) {
      await job.ensure();
      for (const host of hosts) await job.untilPrinted(`${host} ready`);
      await job.stop();
    },
    ends: { status: 'stopped' },
    async verify({ job }, { target }) {
      const printed = await target.printed(job.name);
      for (const host of hosts) expect(printed).toContain(`${host} cleaned up`);
    },
  },
];
