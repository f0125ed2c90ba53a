import { expect } from 'vitest';
import type { ConformanceCase } from '../contract.ts';
import { doubling, inference } from '../scripts.ts';
import { sources } from '../sources.ts';

const kind = 'Transform';
const succeeded = { status: 'succeeded' };
/** Every record is answered with the number of records in its request. */
const counting = inference('return [str(len(lines))] * len(lines)');
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('');

const formats: ConformanceCase[] = [
  {
    id: 'transform-csv',
    title: 'CSV with SplitType Line: one prediction a record, in <input>.out',
    source: sources.transformGuide,
    kind,
    job: (lab) => lab.transform(doubling, { input: { 'in.csv': numbers(5) } }),
    ends: succeeded,
    async verify({ output }) {
      expect(Object.fromEntries(await output())).toEqual({ 'in.csv.out': '2\n4\n6\n8\n10\n' });
    },
  },
  {
    id: 'transform-json',
    title: 'JSON with SplitType None: the whole file is one request, whatever the strategy',
    source: sources.transformGuide,
    kind,
    job: (lab) =>
      lab.transform(inference('return json.dumps({"sum": sum(json.loads(body)["rows"])})'), {
        input: { 'in.json': '{\n  "rows": [1,\n 2, 3]\n}\n' },
        split: 'None',
        assemble: 'None',
        strategy: 'SingleRecord',
        contentType: 'application/json',
        accept: 'application/json',
      }),
    ends: succeeded,
    async verify({ output }) {
      expect(Object.fromEntries(await output())).toEqual({ 'in.json.out': '{"sum": 6}' });
    },
  },
  {
    id: 'transform-json-lines',
    title: 'JSON Lines with SplitType Line: one line of JSON for each',
    source: sources.transformGuide,
    kind,
    job: (lab) =>
      lab.transform(inference('return [json.dumps({"y": json.loads(line)["x"] + 1}) for line in lines]'), {
        input: { 'in.jsonl': '{"x": 1}\n{"x": 2}\n' },
        contentType: 'application/jsonlines',
        accept: 'application/jsonlines',
      }),
    ends: succeeded,
    async verify({ output }) {
      expect(Object.fromEntries(await output())).toEqual({ 'in.jsonl.out': '{"y": 2}\n{"y": 3}\n' });
    },
  },
  {
    id: 'transform-types',
    title: 'ContentType and Accept of the request reach the script',
    source: sources.transformApi,
    kind,
    job: (lab) =>
      lab.transform(inference('return content_type + " " + accept'), {
        input: { 'in.csv': '1' },
        split: 'None',
        contentType: 'text/csv; label_size=0',
        accept: 'application/x-own',
      }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('text/csv; label_size=0 application/x-own\n');
    },
  },
  {
    id: 'transform-no-final-newline',
    title: 'A last record without its newline counts',
    source: sources.transformGuide,
    kind,
    job: (lab) => lab.transform(doubling, { input: { 'in.csv': '1\n2\n3' } }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('2\n4\n6\n');
    },
  },
  {
    id: 'transform-no-rows',
    title: 'A file without rows makes an empty .out and no request',
    source: sources.sluice,
    kind,
    job: (lab) =>
      lab.transform(inference('raise RuntimeError("a request")'), {
        input: { 'in.csv': '', 'lines.csv': '\n\n' },
      }),
    ends: succeeded,
    async verify({ output }) {
      expect(Object.fromEntries(await output())).toEqual({ 'in.csv.out': '', 'lines.csv.out': '' });
    },
  },
  {
    id: 'transform-embedded-newline',
    title: 'SplitType Line knows no quotes: a CSV record with a newline in it is two records',
    source: sources.transformGuide,
    kind,
    job: (lab) =>
      lab.transform(inference('return [str(len(line)) for line in lines]'), {
        input: { 'in.csv': 'a,"one\ntwo"\nb,c\n' },
      }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('6\n4\n3\n');
    },
  },
];

const strategies: ConformanceCase[] = [
  {
    id: 'transform-multi-record',
    title: 'MultiRecord, which is the default, puts as many records into a request as MaxPayloadInMB allows',
    source: sources.transformApi,
    kind,
    job: (lab) => lab.transform(counting, { input: { 'in.csv': numbers(4) } }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('4\n4\n4\n4\n');
    },
  },
  {
    id: 'transform-single-record',
    title: 'SingleRecord sends one record a request',
    source: sources.transformApi,
    kind,
    job: (lab) => lab.transform(counting, { input: { 'in.csv': numbers(4) }, strategy: 'SingleRecord' }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('1\n1\n1\n1\n');
    },
  },
  {
    id: 'transform-assemble-none',
    title: 'AssembleWith None glues the responses together, Line puts each on a line of its own',
    source: sources.transformApi,
    kind,
    job: (lab) =>
      lab.transform(doubling, {
        input: { 'in.csv': numbers(4) },
        strategy: 'SingleRecord',
        assemble: 'None',
      }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('2468');
    },
  },
  {
    id: 'transform-order',
    title: 'Predictions keep the order of the records when requests run side by side',
    source: sources.transformGuide,
    kind,
    job: (lab) =>
      lab.transform(inference('time.sleep(0.2 if int(lines[0]) % 4 == 1 else 0)\nreturn lines'), {
        input: { 'in.csv': numbers(12) },
        strategy: 'SingleRecord',
        concurrent: 4,
      }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe(numbers(12));
    },
  },
  {
    id: 'transform-folder',
    title: 'Every file below a prefix gets its .out at the same place below S3OutputPath',
    source: sources.transformApi,
    kind,
    job: (lab) =>
      lab.transform(doubling, { input: { 'a.csv': '1\n', 'deep/er/b.csv': '2\n', 'deep/a.csv': '3\n' } }),
    ends: succeeded,
    async verify({ output }) {
      expect(Object.fromEntries(await output())).toEqual({
        'a.csv.out': '2\n',
        'deep/er/b.csv.out': '4\n',
        'deep/a.csv.out': '6\n',
      });
    },
  },
  {
    id: 'transform-records',
    title: 'The job says how many records it answered',
    source: sources.sluice,
    kind,
    job: (lab) => lab.transform(doubling, { input: { 'a.csv': numbers(7), 'b.csv': numbers(4) } }),
    ends: { status: 'succeeded', records: 11 },
  },
];

const mebibyte = 1024 * 1024;
const oneLine = (bytes: number) => '1'.repeat(bytes - 1) + '\n';
const measuring = inference('return str(len(body))');

const payloads: ConformanceCase[] = [
  {
    id: 'transform-payload-exact',
    title: 'A file of exactly MaxPayloadInMB is sent whole',
    source: sources.transformApi,
    kind,
    job: (lab) =>
      lab.transform(measuring, { input: { 'in.csv': oneLine(mebibyte) }, split: 'None', maxPayloadMb: 1 }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('1048576\n');
    },
  },
  {
    id: 'transform-payload-exceeded',
    title: 'One byte more than MaxPayloadInMB fails the job',
    source: sources.transformApi,
    kind,
    job: (lab) =>
      lab.transform(measuring, {
        input: { 'in.csv': oneLine(mebibyte + 1) },
        split: 'None',
        maxPayloadMb: 1,
      }),
    ends: { status: 'failed', code: 'JobFailed', reason: expect.stringContaining('MaxPayloadInMB') },
    async verify({ output }) {
      expect((await output()).size).toBe(0);
    },
  },
  {
    id: 'transform-payload-records',
    title: 'Records that fill MaxPayloadInMB exactly share a request, and one byte more does not fit',
    source: sources.transformApi,
    kind,
    job: (lab) =>
      lab.transform(counting, {
        input: {
          'fits.csv': oneLine(mebibyte / 2) + oneLine(mebibyte / 2),
          'not.csv': oneLine(mebibyte / 2) + oneLine(mebibyte / 2 + 1),
        },
        maxPayloadMb: 1,
      }),
    ends: succeeded,
    async verify({ output }) {
      expect(Object.fromEntries(await output())).toEqual({
        'fits.csv.out': '2\n2\n',
        'not.csv.out': '1\n1\n',
      });
    },
  },
  {
    id: 'transform-payload-default',
    title: 'Without MaxPayloadInMB the limit is 6 MB',
    source: sources.transformApi,
    kind,
    job: (lab) => lab.transform(measuring, { input: { 'in.csv': oneLine(6 * mebibyte + 1) }, split: 'None' }),
    ends: { status: 'failed', code: 'JobFailed', reason: expect.stringContaining('MaxPayloadInMB 6') },
  },
  {
    id: 'transform-payload-zero',
    title: 'MaxPayloadInMB 0 sets no limit: the body is sent in chunks',
    source: sources.transformApi,
    kind,
    job: (lab) =>
      lab.transform(measuring, {
        input: { 'in.csv': oneLine(6 * mebibyte + 1) },
        split: 'None',
        maxPayloadMb: 0,
      }),
    ends: succeeded,
    async verify({ output }) {
      expect((await output()).get('in.csv.out')).toBe('6291457\n');
    },
  },
];

export const transformCases: ConformanceCase[] = [...formats, ...strategies, ...payloads];
