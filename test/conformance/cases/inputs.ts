import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { ConformanceCase, Files } from '../contract.ts';
import { sdk, sources } from '../sources.ts';

/** Every file of the folder, by its path in it, as Latin-1 so that JSON carries all bytes. */
const reportFiles = (folder: string) => `
folder, found = os.path.join(ML, "${folder}"), {}
for parent, _, names in os.walk(folder, followlinks=True):
    for name in names:
        path = os.path.join(parent, name)
        found[os.path.relpath(path, folder)] = open(path, "rb").read().decode("latin-1")
report(found=found)`;
const data = 'processing/input/data';

const awkward: Files = {
  'plain.csv': 'a,b\n1,2\n',
  'no-newline.csv': '1,2\n3,4',
  'crlf.csv': '1,2\r\n3,4\r\n',
  'bom.csv': '\ufeffa,b\n',
  'binary.bin': Buffer.from(Array.from({ length: 256 }, (_, index) => index)),
  'empty.csv': '',
  'with blank.csv': 'b',
  'ünï.csv': 'ü',
  'deep/er/x.csv': 'deep',
  'deep/.hidden': 'hidden',
};
const asLatin1 = (files: Files) =>
  Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name, Buffer.from(content).toString('latin1')]),
  );

/** Made only when it is needed. */
const big = () => Buffer.alloc(200_000_000, createHash('sha512').update('a block of noise').digest());

export const inputCases: ConformanceCase[] = [
  {
    id: 'in-folder',
    title: 'A folder arrives with its layout, and every file with its bytes, names and line ends',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.script(reportFiles(data), { inputs: { data: awkward } }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ found: asLatin1(awkward) });
    },
  },
  {
    id: 'in-channel',
    title: 'A channel arrives the same way, below its name',
    source: sources.trainingInput,
    kind: 'Training',
    job: (lab) =>
      lab.trainer(reportFiles('input/data/train.v1-a_b'), { channels: { 'train.v1-a_b': awkward } }),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ found: asLatin1(awkward) });
    },
  },
  {
    id: 'in-file-name',
    title: 'An input that is one file keeps its own name, and its neighbours stay away',
    source: sdk(3612),
    kind: 'Processing',
    job: async (lab) => {
      const folder = await lab.target.putInput({ 'train-data.csv': '1,2\n', 'other.csv': '3,4\n' });
      return lab.script(reportFiles(data), { inputs: { data: `${folder}/train-data.csv` } });
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ found: { 'train-data.csv': '1,2\n' } });
    },
  },
  {
    id: 'in-file-name-channel',
    title: 'A channel that is one file keeps its own name, too',
    source: sdk(3612),
    kind: 'Training',
    job: async (lab) => {
      const folder = await lab.target.putInput({ 'train-data.csv': '1,2\n', 'other.csv': '3,4\n' });
      return lab.trainer(reportFiles('input/data/train'), {
        channels: { train: `${folder}/train-data.csv` },
      });
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ found: { 'train-data.csv': '1,2\n' } });
    },
  },
  {
    id: 'in-partial-prefix',
    title: 'A prefix that is no whole folder brings every file that begins so, under its own name',
    source: sdk(3612),
    kind: 'Processing',
    job: async (lab) => {
      const folder = await lab.target.putInput({
        'train-data.csv': '1\n',
        'train-more.csv': '2\n',
        'other.csv': '3\n',
      });
      return lab.script(reportFiles(data), { inputs: { data: `${folder}/train` } });
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ found: { 'train-data.csv': '1\n', 'train-more.csv': '2\n' } });
    },
  },
  {
    id: 'in-nested-paths',
    title: 'An input may lie inside another one: data at /opt/ml/processing/input, code at input/code',
    source: sources.processingApi,
    kind: 'Processing',
    job: async (lab) => {
      const request = await lab.script('report(data=read("processing/input/a.txt"))', {
        inputs: { data: { 'a.txt': 'a' } },
      });
      const input = request.body.ProcessingInputs.find(({ InputName }) => InputName === 'data')!;
      input.S3Input.LocalPath = '/opt/ml/processing/input';
      return request;
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ data: 'a' });
    },
  },
  {
    id: 'in-outside',
    title: 'A LocalPath outside of /opt/ml/processing is refused before anything runs',
    source: sources.processing,
    kind: 'Processing',
    job: async (lab) => {
      const request = await lab.script('report(ran=True)', { inputs: { data: { 'a.txt': 'a' } } });
      const input = request.body.ProcessingInputs.find(({ InputName }) => InputName === 'data')!;
      input.S3Input.LocalPath = '/opt/ml/model';
      return request;
    },
    ends: { status: 'refused', code: 'InvalidInput', reason: expect.stringContaining('/opt/ml/model') },
    async verify({ job, output }) {
      expect(await job.describe()).toEqual({ status: 'missing' });
      expect((await output()).size).toBe(0);
    },
  },
  {
    id: 'in-same-twice',
    title: 'Two inputs of the same URI are both there',
    source: sources.processingApi,
    kind: 'Processing',
    job: async (lab) => {
      const uri = await lab.target.putInput({ 'a.txt': 'a' });
      return lab.script(`report(one=read("${data}/a.txt"), two=read("processing/input/again/a.txt"))`, {
        inputs: { data: uri, again: uri },
      });
    },
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ one: 'a', two: 'a' });
    },
  },
  {
    id: 'in-source-unchanged',
    title: 'What the job does to its input never reaches the source',
    source: sources.localMode,
    kind: 'Processing',
    job: (lab) =>
      lab.script(
        `
def attempt(change):
    try:
        change()
    except OSError as error:
        print(error)
folder = os.path.join(ML, "${data}")
attempt(lambda: open(folder + "/a.txt", "a").write("changed"))
attempt(lambda: open(folder + "/new.txt", "w").write("new"))
attempt(lambda: os.remove(folder + "/deep/b.txt"))
attempt(lambda: os.rename(folder + "/c.txt", folder + "/d.txt"))
report(done=True)`,
        { inputs: { data: { 'a.txt': 'a', 'deep/b.txt': 'b', 'c.txt': 'c' } } },
      ),
    ends: { status: 'succeeded' },
    async verify({ job }, { target }) {
      const { body } = job.request as Extract<typeof job.request, { kind: 'Processing' }>;
      const source = body.ProcessingInputs.find(({ InputName }) => InputName === 'data')!.S3Input.S3Uri;
      const left = await target.readOutput(source);
      expect(Object.fromEntries([...left].map(([path, bytes]) => [path, bytes.toString()]))).toEqual({
        'a.txt': 'a',
        'deep/b.txt': 'b',
        'c.txt': 'c',
      });
    },
  },
  {
    id: 'in-200mb',
    title: 'An input of 200 MB arrives whole',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) =>
      lab.script(
        `
import hashlib
hash, size = hashlib.sha256(), 0
with open(os.path.join(ML, "${data}/big.bin"), "rb") as file:
    for block in iter(lambda: file.read(1 << 20), b""):
        hash.update(block)
        size += len(block)
report(size=size, hash=hash.hexdigest())`,
        { inputs: { data: { 'big.bin': big() } } },
      ),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({
        size: 200_000_000,
        hash: createHash('sha256').update(big()).digest('hex'),
      });
    },
  },
  {
    id: 'in-2000-files',
    title: 'An input of 2,000 files arrives whole',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) =>
      lab.script(
        `
names = os.listdir(os.path.join(ML, "${data}"))
report(count=len(names), total=sum(int(read("${data}/" + name)) for name in names))`,
        {
          inputs: {
            data: Object.fromEntries(
              Array.from({ length: 2000 }, (_, index) => [`f${index}.txt`, `${index}`]),
            ),
          },
        },
      ),
    ends: { status: 'succeeded' },
    async verify({ report }) {
      expect(await report()).toEqual({ count: 2000, total: 1_999_000 });
    },
  },
  {
    id: 'in-missing',
    title: 'An input that is not there lets no script run',
    source: sources.processingApi,
    kind: 'Processing',
    job: async (lab) => {
      const folder = await lab.target.putInput({ 'a.txt': 'a' });
      return lab.script('report(ran=True)', { inputs: { data: `${folder}/absent` } });
    },
    ends: { status: expect.stringMatching(/^(refused|failed)$/), reason: expect.stringContaining('absent') },
    async verify({ output }) {
      expect((await output()).size).toBe(0);
    },
  },
];
