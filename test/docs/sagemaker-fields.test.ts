import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const at = (path: string) => new URL(`../../${path}`, import.meta.url);
const read = (path: string) => readFileSync(at(path), 'utf8');

const section = /### What becomes of the pipeline file\n([\s\S]*?)\n##/.exec(
  read('docs/sagemaker-mode.md'),
)![1]!;
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)));

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
