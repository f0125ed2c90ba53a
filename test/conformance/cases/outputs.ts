import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { sources } from '../sources.ts';

const folderCases: ConformanceCase[] = [
  {
    id: 'out-files',
    title: 'Files of an output folder come with their layout, names and bytes',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) =>
      lab.script(`
write("processing/output/out/a.txt", "no newline")
write("processing/output/out/deep/er/b.csv", "1,2\\r\\n")
write("processing/output/out/with blank é.txt", "é")
write("processing/output/out/empty", "")
write("processing/output/out/.hidden", "h")`),
    ends: { status: 'succeeded' },
    async verify({ output }) {
      expect(Object.fromEntries(await output())).toEqual({
        'a.txt': 'no newline',
        'deep/er/b.csv': '1,2\r\n',
        'with blank é.txt': 'é',
        empty: '',
        '.hidden': 'h',
      });
    },
  },
  {
    id: 'out-several',
    title: 'Every output goes to its own URI',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) =>
      lab.script('for name in ("train", "test"): write("processing/output/%s/x.txt" % name, name)', {
        outputs: ['train', 'test'],
      }),
    ends: { status: 'succeeded' },
    async verify({ output }) {
      expect(Object.fromEntries(await output('train'))).toEqual({ 'x.txt': 'train' });
      expect(Object.fromEntries(await output('test'))).toEqual({ 'x.txt': 'test' });
    },
  },
  {
    id: 'out-empty-folder',
    title: 'An output folder with nothing in it is no failure',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) => lab.command(['true']),
    ends: { status: 'succeeded' },
    async verify({ output }) {
      expect((await output()).size).toBe(0);
    },
  },
  {
    id: 'out-elsewhere',
    title: 'What lies outside of the output folders is not stored',
    source: sources.processingApi,
    kind: 'Processing',
    job: (lab) =>
      lab.script('write("processing/output/b.txt", "b")\nwrite("output/c.txt", "c")\nreport(done=True)'),
    ends: { status: 'succeeded' },
    async verify({ output }) {
      expect([...(await output()).keys()]).toEqual(['report.json']);
    },
  },
  {
    id: 'out-symbolic-links',
    title: 'Symbolic links in an output folder are not uploaded',
    source: sources.processing,
    kind: 'Processing',
    job: (lab) =>
      lab.script(`
report(done=True)
os.symlink("report.json", os.path.join(OUT, "inside"))
os.symlink("/etc/passwd", os.path.join(OUT, "outside"))
os.symlink("/etc", os.path.join(OUT, "folder"))
os.symlink("nowhere", os.path.join(OUT, "dangling"))`),
    ends: { status: 'succeeded' },
    async verify({ output }) {
      expect([...(await output()).keys()]).toEqual(['report.json']);
    },
  },
  {
    id: 'out-of-failure',
    title: 'A job that fails stores none of its outputs',
    source: sources.sluice,
    kind: 'Processing',
    job: (lab) => lab.script('report(done=True)\nsys.exit(1)'),
    ends: { status: 'failed', code: 'JobFailed' },
    async verify({ output }) {
      expect((await output()).size).toBe(0);
    },
  },
];

const source = sources.trainingOutput;
const kind = 'Training';

const archiveCases: ConformanceCase[] = [
  {
    id: 'model-layout',
    title: 'model.tar.gz holds what is in /opt/ml/model, without a folder around it, owned by 0',
    source,
    kind,
    job: (lab) =>
      lab.trainer(`
write("model/model.joblib", "weights")
write("model/code/inference.py", "pass")
try:
    os.chown(os.path.join(ML, "model/model.joblib"), 1234, 1234)
except OSError as error:
    print(error)`),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      const entries = (await archive('model.tar.gz'))!;
      const files = entries.filter(({ type }) => type === 'file');
      expect(Object.fromEntries(files.map(({ name, text }) => [name, text]))).toEqual({
        'model.joblib': 'weights',
        'code/inference.py': 'pass',
      });
      expect([...new Set(entries.map(({ owner }) => owner))]).toEqual(['0:0::']);
    },
  },
  {
    id: 'model-links',
    title: 'No link in model.tar.gz leaves it; a hard link is a file of its own',
    source,
    kind,
    job: (lab) =>
      lab.trainer(`
write("model/real.bin", "weights")
os.link(os.path.join(ML, "model/real.bin"), os.path.join(ML, "model/twin.bin"))
os.symlink("real.bin", os.path.join(ML, "model/inside"))
os.symlink("/etc/passwd", os.path.join(ML, "model/absolute"))
os.symlink("../../secret", os.path.join(ML, "model/above"))`),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      const entries = (await archive('model.tar.gz'))!;
      expect(entries.map(({ name, type, linkname, text }) => [name, type, linkname, text]).sort()).toEqual([
        ['inside', 'symlink', 'real.bin', ''],
        ['real.bin', 'file', null, 'weights'],
        ['twin.bin', 'file', null, 'weights'],
      ]);
    },
  },
  {
    id: 'model-empty',
    title: 'A training job that writes no model succeeds, with an empty model.tar.gz',
    source,
    kind,
    job: (lab) => lab.trainer(''),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      expect(await archive('model.tar.gz')).toEqual([]);
    },
  },
  {
    id: 'model-of-failure',
    title: 'A training job that fails leaves no model',
    source: sources.sluice,
    kind,
    job: (lab) => lab.trainer('report(half="a model")\nwrite("output/data/x", "x")\nsys.exit(1)'),
    ends: { status: 'failed', code: 'JobFailed' },
    async verify({ archive }) {
      expect(await archive('model.tar.gz')).toBeNull();
      expect(await archive('output.tar.gz')).toBeNull();
    },
  },
  {
    id: 'output-data',
    title: 'output.tar.gz holds what is in /opt/ml/output/data and nothing else of /opt/ml/output',
    source,
    kind,
    job: (lab) =>
      lab.scriptMode(`
write("output/data/plots/loss.txt", "falling")
write("output/other.txt", "not data")
write("output/intermediate/x", "x")`),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      const files = (await archive('output.tar.gz'))!.filter(({ type }) => type === 'file');
      expect(files.map(({ name, text }) => [name, text])).toEqual([['plots/loss.txt', 'falling']]);
    },
  },
  {
    id: 'output-data-none',
    title: 'There is no output.tar.gz when /opt/ml/output/data is empty',
    source,
    kind,
    job: (lab) => lab.scriptMode('report(done=True)'),
    ends: { status: 'succeeded' },
    async verify({ archive }) {
      expect(await archive('output.tar.gz')).toBeNull();
    },
  },
];

export const outputCases: ConformanceCase[] = [...folderCases, ...archiveCases];
