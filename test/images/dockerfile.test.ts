import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  containerLog,
  describeDocker,
  dockerApi,
  dockerDo,
  removeContainers,
  splitStreams,
} from '../support/docker.ts';
import { makeFolder, root, waitFor } from './fixtures/python.ts';

const id = randomUUID().slice(0, 8);
const label = `sluice.test=${id}`;
const image = `sluice-test-sklearn:${id}`;
const folder = join(root, 'images');

const tarOf = (path: string) => execFileSync('tar', ['-C', path, '-cf', '-', '.'], { maxBuffer: 1 << 30 });

/** The folder as a checkout with a umask of 077 has it: only the owner may read. */
function privateCopy(): string {
  const copy = makeFolder();
  cpSync(folder, copy, { recursive: true });
  execFileSync('chmod', ['-R', 'go=', copy]);
  return copy;
}

/** Returns what the build printed. */
async function build(): Promise<string> {
  const reply = await dockerDo(
    'POST',
    `/build?t=${image}&dockerfile=sklearn/Dockerfile&rm=1&forcerm=1`,
    tarOf(privateCopy()),
  );
  const messages = reply
    .text()
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as { stream?: string; error?: string });
  const text = messages.map(({ stream, error }) => stream ?? error ?? '').join('');
  if (messages.some(({ error }) => error !== undefined)) throw new Error(text);
  return text;
}

/** Starts the command in a container whose /opt/ml has these files. */
async function start(cmd: string[], files: Record<string, string>, settings: object = {}): Promise<string> {
  const created = await dockerDo('POST', '/containers/create', {
    Image: image,
    Cmd: cmd,
    Labels: { 'sluice.test': id },
    ...settings,
  });
  const { Id } = created.json() as { Id: string };
  const content = makeFolder(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`ml/${name}`, text])),
  );
  await dockerDo('PUT', `/containers/${Id}/archive?path=/opt`, tarOf(content));
  await dockerDo('POST', `/containers/${Id}/start`);
  return Id;
}

async function finish(container: string) {
  const reply = await dockerDo('POST', `/containers/${container}/wait`);
  return { code: (reply.json() as { StatusCode: number }).StatusCode, ...(await containerLog(container)) };
}

async function readFrom(container: string, path: string): Promise<string> {
  const { body } = await dockerDo('GET', `/containers/${container}/archive?path=${path}`);
  return execFileSync('tar', ['-xOf', '-'], { input: body }).toString();
}

/** What Python prints inside of the running container. */
async function python(container: string, code: string): Promise<string> {
  const exec = await dockerDo('POST', `/containers/${container}/exec`, {
    Cmd: ['python3', '-c', code],
    AttachStdout: true,
    AttachStderr: true,
  });
  const { Id } = exec.json() as { Id: string };
  const { stdout, stderr } = splitStreams(
    (await dockerDo('POST', `/exec/${Id}/start`, { Detach: false })).body,
  );
  return stdout + stderr;
}

describeDocker('the image of images/sklearn', () => {
  let printed: string;
  beforeAll(async () => {
    printed = await build();
  }, 600_000);
  afterAll(async () => {
    await removeContainers(label);
    await dockerApi('DELETE', `/images/${image}?force=1`);
  });

  it('is built with every library of the requirements, and says which versions it has', async () => {
    const container = await start(
      ['python3', '-c', 'from importlib import metadata as m; print(m.version("scikit-learn"))'],
      {},
    );
    const { stdout } = await finish(container);
    const python = /for Python 3\.(\d+):/.exec(printed)![1]!;
    const file = Number(python) <= 11 ? 'requirements.txt' : 'requirements-py312.txt';
    const names = readFileSync(join(folder, 'sklearn', file), 'utf8').matchAll(/^([\w-]+)==/gm);
    const installed = /^Installed: (.*)$/m.exec(printed)![1]!.split(' ');
    expect(installed.map((library) => library.split('==')[0])).toEqual([...names].map((match) => match[1]));
    expect(installed).toContain(`scikit-learn==${stdout.trim()}`);
  });

  it('names every version that the base has instead of the pinned one', () => {
    const pinned = [...printed.matchAll(/^ {2}([\w-]+) (\S+) (is there|is missing|differs|DIFFERS)/gm)];
    const installed = new Set(/^Installed: (.*)$/m.exec(printed)![1]!.split(' '));
    expect(pinned.length).toBe(installed.size);
    for (const [line, name, version, outcome] of pinned)
      expect(installed.has(`${name}==${version}`), line).toBe(outcome !== 'DIFFERS');
  });

  it('has no entry point, no user and the environment of a program whose output is read', async () => {
    const { Config } = (await dockerDo('GET', `/images/${image}/json`)).json() as {
      Config: { Entrypoint: unknown; User: string; Env: string[]; WorkingDir: string };
    };
    expect(Config.Entrypoint ?? null).toBeNull();
    expect(Config.User).toBe('');
    expect(Config.WorkingDir).toBe('/');
    expect(Config.Env).toEqual(
      expect.arrayContaining(['LANG=C.UTF-8', 'PYTHONDONTWRITEBYTECODE=1', 'PYTHONUNBUFFERED=1']),
    );
  });

  it('trains a model by the command `train`', async () => {
    const script = `
import argparse, json, os
import joblib, pandas
from sklearn.linear_model import LinearRegression
parser = argparse.ArgumentParser()
parser.add_argument("--slope", type=float)
slope = parser.parse_args().slope
table = pandas.read_csv(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "train.csv"))
model = LinearRegression().fit(table[["x"]].values, slope * table["x"])
joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
with open(os.path.join(os.environ["SM_MODEL_DIR"], "facts.json"), "w") as file:
    json.dump({"slope": round(model.coef_[0], 6), "user": os.getuid(), "folder": os.getcwd()}, file)
print("trained")
`;
    const container = await start(['train'], {
      'input/config/hyperparameters.json': JSON.stringify({
        sagemaker_program: '"train.py"',
        sagemaker_submit_directory: '"/opt/ml/input/data/code"',
        slope: '3',
      }),
      'input/config/inputdataconfig.json': JSON.stringify({ train: {}, code: {} }),
      'input/data/code/train.py': script,
      'input/data/train/train.csv': 'x\n1\n2\n3\n',
      'model/.keep': '',
    });
    const { code, stdout, stderr } = await finish(container);
    expect(code, stderr).toBe(0);
    expect(stdout).toBe('trained\n');
    const facts: unknown = JSON.parse(await readFrom(container, '/opt/ml/model/facts.json'));
    expect(facts).toEqual({ slope: 3, user: 0, folder: '/opt/ml/input/data/code' });
    expect(await readFrom(container, '/opt/ml/output/success')).toBe('');
  });

  it('can be used by a user who owns nothing in it', async () => {
    const nobody = { User: '65534:65534' };
    const { code, stderr } = await finish(await start(['train'], {}, nobody));
    expect(stderr).toContain('train: No script is named');
    expect(code).toBe(1);
  });

  it('serves on port 8080 of every address by the command `serve`, and ends with SIGTERM', async () => {
    const script = `
class Model:
    def predict(self, rows): return rows.sum(axis=1)
def model_fn(folder): return Model()
`;
    const container = await start(
      ['serve'],
      { 'model/code/inference.py': script },
      {
        ExposedPorts: { '8080/tcp': {} },
        HostConfig: { PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
      },
    );
    const { NetworkSettings } = (await dockerDo('GET', `/containers/${container}/json`)).json() as {
      NetworkSettings: { Ports: Record<string, { HostPort: string }[]> };
    };
    // A published port leads to the container's own address.
    const url = `http://127.0.0.1:${NetworkSettings.Ports['8080/tcp']![0]!.HostPort}`;
    // The engine's proxy accepts a connection before anybody listens behind it, and may leave it hanging.
    const ping = () =>
      fetch(`${url}/ping`, { signal: AbortSignal.timeout(2000) }).then(
        ({ status }) => status,
        () => 0,
      );
    await waitFor('/ping', async () => (await ping()) === 200);
    const answer = await fetch(`${url}/invocations`, {
      method: 'POST',
      body: '1,2\n3,4\n',
      headers: { 'content-type': 'text/csv', accept: 'application/json' },
    });
    expect([answer.status, await answer.json()]).toEqual([200, [3, 7]]);
    const inside = 'import urllib.request as r; print(r.urlopen("http://127.0.0.1:8080/ping").status)';
    expect(await python(container, inside)).toBe('200\n');

    // Longer than this test may take: it ends by the signal, or not at all.
    await dockerDo('POST', `/containers/${container}/stop?t=600`);
    expect((await finish(container)).code).toBe(0);
  });
});
