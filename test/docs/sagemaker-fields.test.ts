import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const at = (path: string) => new URL(`../../${path}`, import.meta.url);
const read = (path: string) => readFileSync(at(path), 'utf8');

const section = /### What becomes of the pipeline file\n([\s\S]*?)\n##/.exec(
  read('docs/sagemaker-mode.md'),
)![1]!;
const lines = section.split('\n').filter((line) => line.startsWith('| `'));
const rows = lines.map((line) =>
  line.split('|').map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)),
);

interface Schema {
  properties?: Record<string, Schema>;
}
const { properties: pipeline = {} } = JSON.parse(read('schemas/pipeline.schema.json')) as Schema;
const { steps = {}, ...top } = pipeline;
const jobs = ['preprocess', 'train', 'evaluate', 'createModel', 'transform', 'register'];
/** What Sluice itself honours, in either mode. */
const ours = new Set([
  '$schema',
  'name',
  'description',
  'executionMode',
  'parameters',
  'code',
  'priority',
  'session',
  'local',
]);

it('the table of fields has every key of the pipeline file that SageMaker is asked with', () => {
  const keys = [
    ...Object.keys(top),
    ...jobs.flatMap((step) => Object.keys(steps.properties?.[step]?.properties ?? {})),
  ];
  expect(keys.length).toBeGreaterThan(60);
  const documented = new Set(rows.flatMap(([, names = []]) => names.map((name) => name.split('.').at(-1))));
  for (const key of ['kms.output', 'kms.volume']) documented.add(key.split('.')[0]);
  expect([...new Set(keys)].filter((key) => !ours.has(key) && !documented.has(key))).toEqual([]);
});

it('its fields are those of the requests', () => {
  const folders = ['test/engines/sagemaker/fixtures', 'test/registry/fixtures', 'test/core/fixtures'];
  const requests = folders.flatMap((folder) =>
    readdirSync(at(folder)).map((file) => read(`${folder}/${file}`)),
  );
  const sent = requests.join('\n');
  const fields = rows.flatMap(([, , , names = []]) => names.flatMap((name) => name.split('.')));
  const notSent = fields.filter((name) => /^[A-Z][A-Za-z]+$/.test(name) && !sent.includes(`"${name}"`));
  expect(notSent).toEqual([]);
});

/** The whole requests of every step, and the body of the model, which has its tags when it is made. */
const goldens: Record<string, string[]> = {
  CreateProcessingJob: [
    'engines/sagemaker/fixtures/create-preprocess',
    'engines/sagemaker/fixtures/create-evaluate',
  ],
  CreateTrainingJob: ['engines/sagemaker/fixtures/create-train'],
  CreateTransformJob: ['engines/sagemaker/fixtures/create-transform'],
  CreateModel: ['core/fixtures/online-createModel'],
  CreateModelPackageGroup: ['registry/fixtures/create-group'],
  CreateModelPackage: ['registry/fixtures/create-package'],
};
/** A step has a script or a command, so that one golden cannot have both: `test/core/plan.test.ts` has this one. */
const elsewhere = ['`entrypoint` of `train`'];

it.each(
  lines
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, key]) => !elsewhere.includes(key!))
    .map(([, key, requests, fields]) => [key!, requests!, fields!] as const),
)('%s is in the request of every step that takes it', (key, requests, fields) => {
  const names = [...fields.matchAll(/`([^`]+)`/g)].map(([, name]) => name!.split('.').at(-1)!);
  const asked = requests
    .replace('Create…Job', 'CreateProcessingJob, CreateTrainingJob, CreateTransformJob')
    .split(', ')
    .filter((request) => request !== '–' && !(key === '`tags`' && request === 'CreateModel'));
  const without = asked
    .flatMap((request) => goldens[request]!)
    .filter((golden) => !names.some((name) => read(`test/${golden}.json`).includes(`"${name}"`)));
  expect(without).toEqual([]);
});
