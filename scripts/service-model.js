// Writes src/emulator/service-model.json: the operations that the emulator knows, out of botocore's service model, without
// its documentation. botocore comes from the Python package index; its version stands below and in the file.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { setup } from './setup.js';
import { createContext } from './setup/context.js';
import { runScript } from './setup/errors.js';
import { writeWhole } from './setup/files.js';
import { pipOf } from './setup/installers.js';
import { findInterpreter } from './setup/interpreter.js';

const VERSION = '1.44.8';
const API = 'sagemaker/2017-07-24';
const OPERATIONS = [
  ...['Processing', 'Training'].flatMap((kind) => [
    `Create${kind}Job`,
    `Describe${kind}Job`,
    `Stop${kind}Job`,
    `List${kind}Jobs`,
    `Delete${kind}Job`,
  ]),
  ...['CreateTransformJob', 'DescribeTransformJob', 'StopTransformJob', 'ListTransformJobs'],
  ...['Model', 'ModelPackage', 'ModelPackageGroup'].flatMap((thing) => [
    `Create${thing}`,
    `Describe${thing}`,
    `Delete${thing}`,
    `List${thing}s`,
  ]),
  ...['UpdateModelPackage', 'AddTags', 'DeleteTags', 'ListTags'],
];

/** @typedef {{ shape: string, idempotencyToken?: boolean }} Reference */
/** @typedef {{ type: string, members?: Record<string, Reference>, member?: Reference, key?: Reference, value?: Reference }} Shape */
/** @typedef {{ input: Reference, output?: Reference, errors?: Reference[] }} Operation */

await runScript(async () => {
  await setup(['dependencies']);
  const context = createContext();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-service-model-'));
  try {
    const { path } = await findInterpreter(context);
    await pipOf(context.env, path).install(['--no-deps', '--target', folder, `botocore==${VERSION}`]);
    const model = JSON.parse(
      gunzipSync(readFileSync(join(folder, 'botocore', 'data', API, 'service-2.json.gz'))).toString(),
    );
    const file = join(context.root, 'src', 'emulator', 'service-model.json');
    writeWhole(file, toText(trim(model.operations, model.shapes), model.metadata));
    context.say(`wrote ${file}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** @param {Record<string, Operation>} operations @param {Record<string, Shape>} shapes */
function trim(operations, shapes) {
  /** @type {Map<string, object>} */
  const needed = new Map();
  const need = (/** @type {Reference | undefined} */ reference) => {
    if (!reference || needed.has(reference.shape)) return;
    const shape = shapes[reference.shape];
    needed.set(reference.shape, bare(shape));
    for (const inner of [...Object.values(shape.members ?? {}), shape.member, shape.key, shape.value])
      need(inner);
  };
  const kept = OPERATIONS.map((name) => {
    const { input, output, errors = [] } = operations[name];
    need(input);
    need(output);
    return [name, { input: input.shape, output: output?.shape, errors: errors.map(({ shape }) => shape) }];
  });
  return { operations: kept, shapes: [...needed].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** What validation looks at. @param {any} shape */
function bare({ type, required, enum: values, pattern, min, max, members, member, key, value }) {
  const names =
    members && Object.entries(members).map(([name, to]) => [name, /** @type {Reference} */ (to).shape]);
  const token =
    members && Object.entries(members).find(([, to]) => /** @type {Reference} */ (to).idempotencyToken)?.[0];
  return {
    type,
    required,
    enum: values,
    pattern,
    min,
    max,
    members: names && Object.fromEntries(names),
    token,
    member: member?.shape,
    key: key?.shape,
    value: value?.shape,
  };
}

/** One line an operation and a shape, so that a new version is a diff to read.
 * @param {ReturnType<typeof trim>} trimmed @param {Record<string, string>} metadata */
function toText({ operations, shapes }, metadata) {
  const lines = (/** @type {any[][]} */ entries) =>
    entries.map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(',\n');
  const head = {
    source: `botocore ${VERSION}, data/${API}/service-2.json, made smaller by scripts/service-model.js`,
    licence: 'Apache-2.0, Copyright Amazon.com, Inc. or its affiliates',
    targetPrefix: metadata.targetPrefix,
  };
  const top = Object.entries(head).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`,
  );
  return (
    `{\n${top.join('\n')}\n  "operations": {\n${lines(operations)}\n  },\n` +
    `  "shapes": {\n${lines(shapes)}\n  }\n}\n`
  );
}
