import { expect, test } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { parsePipeline, stepMode } from '../../src/core/parse-pipeline.ts';
import { gateRule } from '../../src/core/pipeline.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { refusal } from './refusal.ts';

const script = { script: 'a.py' };
const preprocess = { ...script, input: 'data.csv', outputs: ['train', 'test'] };
const evaluate = { ...script, report: 'r.json' };
const metric = { metric: 'm' };
/** A pipeline with one step replaced. */
const step = (name: string, value: Json | undefined) => smallPipeline({}, { [name]: value });
const float = { type: 'Float', default: 1 };
const referring = (parameters: Json) =>
  smallPipeline({ parameters }, { condition: { ...metric, lessThan: { Get: 'Parameters.p' } } });

test('every default is filled in, every expression resolved', () => {
  const file = smallPipeline(
    { parameters: { n: { type: 'Integer', default: 2 }, where: { type: 'String' } } },
    {
      preprocess: {
        ...preprocess,
        input: { Get: 'Parameters.where' },
        instanceCount: { Get: 'Parameters.n' },
      },
    },
  );
  const { pipeline, parameters } = parsePipeline('f', file, { parameters: { where: 'a.csv' } });
  expect(parameters).toEqual({ n: 2, where: 'a.csv' });
  expect(pipeline).toMatchObject({ name: 'small', executionMode: 'local' });
  expect(pipeline.steps.preprocess).toEqual({
    ...preprocess,
    input: 'a.csv',
    instanceCount: 2,
    environment: {},
    instanceType: 'ml.m5.xlarge',
    maxRuntimeSeconds: 86_400,
    volumeSizeGb: 30,
    networkIsolation: false,
    dataDistribution: 'FullyReplicated',
    jobRetries: { capacity: 0, internal: 0, quota: 0, delaySeconds: 60 },
    local: { stopGraceSeconds: 10 },
  });
  expect(gateRule(pipeline.steps.condition)).toEqual({
    metric: 'metrics.mse',
    comparison: 'lessThanOrEqualTo',
    threshold: 7,
  });
});

test('a run overrides the mode as a whole, of the session each key', () => {
  const file = smallPipeline({ session: { region: 'eu-west-1', bucket: 'ours' } });
  const overrides = { executionMode: 'sagemaker', session: { region: 'us-east-1' } };
  expect(parsePipeline('f', file, overrides).pipeline).toMatchObject({
    executionMode: 'sagemaker',
    session: { region: 'us-east-1', bucket: 'ours' },
  });
});

test('a run overrides the priority; there are five', () => {
  const priorityOf = (file: Record<string, Json>, overrides = {}) =>
    parsePipeline('f', smallPipeline(file), overrides).pipeline.priority;
  expect(priorityOf({})).toBeUndefined();
  expect(priorityOf({ priority: 2 })).toBe(2);
  expect(priorityOf({ priority: 2 }, { priority: 5 })).toBe(5);
  for (const priority of [0, 6, 1.5, 'high'])
    expect(() => priorityOf({}, { priority }), String(priority)).toThrow('priority');
});

test.each([
  ['a region', { session: { region: 'Frankfurt' } }, 'session.region'],
  ['a role', { session: { role: 'arn:aws:iam::1:user/me' } }, 'session.role'],
  ['a bucket', { session: { bucket: 'Not_A_Bucket' } }, 'session.bucket'],
  ['a prefix', { session: { prefix: '/a/' } }, 'session.prefix'],
  ['a key of a session', { session: { zone: 'a' } }, 'session.zone'],
  ['a tag of ours', { tags: { 'sluice:run-id': 'mine' } }, 'tags'],
  ['a tag of AWS', { tags: { 'aws:x': 'y' } }, 'tags'],
  ['a network without subnets', { vpc: { subnets: [], securityGroupIds: ['sg-1'] } }, 'vpc.subnets'],
] as [string, Record<string, Json>, string][])('what is no %s is refused', (_, change, path) => {
  expect(() => parsePipeline('f', smallPipeline(change))).toThrow(path);
});

test('spot instances are not waited for less long than training may take', () => {
  const train = { ...script, maxRuntimeSeconds: 3600, spot: { maxWaitSeconds: 60 } };
  expect(() => parsePipeline('f', step('train', train))).toThrow('steps.train.spot.maxWaitSeconds');
});

test('a step runs where the run says, unless it says otherwise itself', () => {
  const { pipeline } = parsePipeline('f', step('train', { ...script, executionMode: 'local' }), {
    executionMode: 'sagemaker',
  });
  expect(stepMode(pipeline, 'preprocess')).toBe('sagemaker');
  expect(stepMode(pipeline, 'train')).toBe('local');
});

test.each<[string, Json, string]>([
  ['unknown key at the top', smallPipeline({ stpes: 1 }), 'stpes: is not a known key (misspelt?)'],
  ['unknown key in steps', step('trian', script), 'steps.trian: is not a known key (misspelt?)'],
  [
    'unknown key in preprocess',
    step('preprocess', { ...preprocess, output: 1 }),
    'steps.preprocess.output: is not a known key',
  ],
  ['unknown key in train', step('train', { ...script, scirpt: 1 }), 'steps.train.scirpt: is not a known key'],
  [
    'unknown key in evaluate',
    step('evaluate', { ...evaluate, channels: [] }),
    'steps.evaluate.channels: is not a known key',
  ],
  [
    'unknown key in condition',
    step('condition', { ...metric, lessThen: 1 }),
    'steps.condition.lessThen: is not a known key',
  ],
  [
    'unknown key in createModel',
    step('createModel', { ...script, image: 'x' }),
    'steps.createModel.image: is not a known key',
  ],
  [
    'unknown key in transform',
    step('transform', { input: 'b', script: 'x' }),
    'steps.transform.script: is not a known key',
  ],
  [
    'unknown key in register',
    step('register', { group: 'g', name: 'x' }),
    'steps.register.name: is not a known key',
  ],
  [
    'unknown key in notify',
    step('notify', [{ webhook: 'http://h', slack: 'x' }]),
    'steps.notify[0].slack: is not a known key',
  ],
  [
    'unknown key in framework',
    smallPipeline({ framework: { name: 'sklearn', version: '1.2-1', py: '3' } }),
    'framework.py: is not a known key',
  ],
  [
    'unknown key in local',
    step('train', { ...script, local: { limit: 1 } }),
    'steps.train.local.limit: is not a known key',
  ],
  [
    'unknown key in a parameter',
    referring({ p: { ...float, min: 0 } }),
    'parameters.p.min: is not a known key',
  ],
  ['unknown key that needs quoting', smallPipeline({ 'a b"': 1 }), '["a b\\""]: is not a known key'],
  ['unknown key constructor', smallPipeline({ constructor: 1 }), 'constructor: is not a known key'],

  [
    'text for a Float',
    referring({ p: { type: 'Float', default: '7' } }),
    'parameters.p.default: takes a finite number, not "7"',
  ],
  [
    '1.5 for an Integer',
    referring({ p: { type: 'Integer', default: 1.5 } }),
    'parameters.p.default: takes a whole number, not 1.5',
  ],
  [
    'a number for a String',
    referring({ p: { type: 'String', default: 7 } }),
    'parameters.p.default: takes text, not 7',
  ],
  [
    'text for a Boolean',
    referring({ p: { type: 'Boolean', default: 'true' } }),
    'parameters.p.default: takes true or false, not "true"',
  ],
  [
    'null for a default',
    referring({ p: { type: 'Float', default: null } }),
    'parameters.p.default: takes a finite number, not null',
  ],
  [
    'an unknown type',
    referring({ p: { type: 'float' } }),
    'parameters.p.type: takes one of "String", "Integer", "Float", "Boolean", not "float"',
  ],
  ['no type', referring({ p: { default: 1 } }), 'parameters.p.type: is missing; it takes one of "String"'],
  [
    'a default outside its values',
    referring({ p: { type: 'String', default: 'c', enumValues: ['a'] } }),
    'parameters.p.default: takes one of a, not "c"',
  ],
  [
    'no enumerated values',
    referring({ p: { type: 'String', enumValues: [] } }),
    'parameters.p.enumValues: must have at least 1 entry',
  ],
  [
    'a parameter with a bad name',
    referring({ 'a b': float }),
    'parameters["a b"]: is not a name to be used: it must be 1 to 64 letters',
  ],
  ['a parameter named by 65 letters', referring({ ['a'.repeat(65)]: float }), 'is not a name to be used'],
  ['parameters that are a list', smallPipeline({ parameters: [] }), 'parameters: takes an object, not []'],
  ['parameters that are null', smallPipeline({ parameters: null }), 'parameters: takes an object, not null'],
  [
    'a required parameter',
    referring({ p: { type: 'Float' } }),
    'parameters.p: is required: it has no default and was not given',
  ],
  [
    'an unused parameter',
    smallPipeline({ parameters: { p: float } }),
    'parameters.p: is declared, but nothing refers to it',
  ],
  [
    'an undeclared reference',
    referring({}),
    'steps.condition.lessThan: refers to parameter "p", which is not declared (declared: none)',
  ],
  [
    'a String as threshold',
    referring({ p: { type: 'String', default: '7' } }),
    'steps.condition.lessThan: takes a finite number, not "7"',
  ],

  ['no name', smallPipeline({ name: undefined as never }), 'name: is missing; it takes text'],
  [
    'a name of 64 characters',
    smallPipeline({ name: 'a'.repeat(64) }),
    'name: must have at most 63 characters',
  ],
  ['an empty name', smallPipeline({ name: '' }), 'name: must match'],
  [
    'a name with an underscore',
    smallPipeline({ name: 'my_model' }),
    'name: must match [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}',
  ],
  ['a name that starts with a hyphen', smallPipeline({ name: '-a' }), 'name: must match'],
  ['a name that ends in a hyphen', smallPipeline({ name: 'a-' }), 'name: must match'],
  ['a name with a letter beyond ASCII', smallPipeline({ name: 'modèle' }), 'name: must match'],
  ['a name with a final newline', smallPipeline({ name: 'a\n' }), 'name: must match'],
  ['a number as name', smallPipeline({ name: 7 }), 'name: takes text, not 7'],
  [
    'a group of 64 characters',
    step('register', { group: 'a'.repeat(64) }),
    'steps.register.group: must have at most 63 characters',
  ],
  ['a group with a slash', step('register', { group: 'a/b' }), 'steps.register.group: must match'],
  [
    'an output with a slash',
    step('preprocess', { ...preprocess, outputs: ['../x'] }),
    'steps.preprocess.outputs[0]: must be 1 to 64 letters',
  ],
  [
    'an output of 65 characters',
    step('preprocess', { ...preprocess, outputs: ['a'.repeat(65)] }),
    'steps.preprocess.outputs[0]: must be 1 to 64',
  ],
  [
    'an output named code',
    step('preprocess', { ...preprocess, outputs: ['code'] }),
    'steps.preprocess.outputs[0]: "code" and "model" are names of Sluice itself',
  ],

  [
    'no outputs',
    step('preprocess', { ...preprocess, outputs: [] }),
    'steps.preprocess.outputs: must have at least 1 entry',
  ],
  [
    'nine outputs',
    step('preprocess', { ...preprocess, outputs: 'abcdefghi'.split('') }),
    'steps.preprocess.outputs: must have at most 8 entries',
  ],
  [
    'duplicate outputs',
    step('preprocess', { ...preprocess, outputs: ['a', 'a'] }),
    'steps.preprocess.outputs: names must differ',
  ],
  [
    'outputs that differ in case',
    step('preprocess', { ...preprocess, outputs: ['a', 'A'] }),
    'steps.preprocess.outputs: names must differ, not only in',
  ],
  [
    'no channels',
    step('train', { ...script, channels: [] }),
    'steps.train.channels: must have at least 1 entry',
  ],
  [
    'a channel that is no output',
    step('train', { ...script, channels: ['train', 'x'] }),
    'steps.train.channels[1]: "x" is not an output of preprocess (train, test)',
  ],
  [
    'an input that is no output',
    step('evaluate', { ...evaluate, inputs: ['x'] }),
    'steps.evaluate.inputs[0]: "x" is not an output of preprocess',
  ],
  [
    'an empty entrypoint',
    step('train', { entrypoint: [] }),
    'steps.train.entrypoint: must have at least 1 entry',
  ],
  [
    'no arguments',
    step('evaluate', { ...evaluate, arguments: [] }),
    'steps.evaluate.arguments: must have at least 1 entry',
  ],
  ['an empty notify', step('notify', []), 'steps.notify: must have at least 1 entry'],

  [
    'both script and entrypoint',
    step('train', { ...script, entrypoint: ['x'] }),
    'steps.train: needs either "script" or "entrypoint"',
  ],
  [
    'neither in preprocess',
    step('preprocess', { input: 'a', outputs: ['train'] }),
    'steps.preprocess: needs either "script" or "entrypoint"',
  ],
  [
    'neither in evaluate',
    step('evaluate', { report: 'r.json' }),
    'steps.evaluate: needs either "script" or "entrypoint"',
  ],
  [
    'no comparison',
    step('condition', metric),
    'steps.condition: needs exactly one of lessThan, lessThanOrEqualTo, greaterThan, greaterThanOrEqualTo',
  ],
  [
    'two comparisons',
    step('condition', { ...metric, lessThan: 1, greaterThan: 0 }),
    'steps.condition: needs exactly one of',
  ],
  [
    'a metric with an empty name in it',
    step('condition', { metric: 'a..b', lessThan: 1 }),
    'steps.condition.metric: must be names joined by "."',
  ],
  ['a missing step', step('train', undefined), 'steps.train: is missing; it takes an object'],
  ['no steps', smallPipeline({ steps: undefined as never }), 'steps: is missing; it takes an object'],
  ['steps as a list', smallPipeline({ steps: [] }), 'steps: takes an object, not []'],

  [
    '.. in a script',
    step('train', { script: '../a.py' }),
    'steps.train.script: must be a path inside the folder',
  ],
  [
    '.. inside a script',
    step('train', { script: 'a/../../b.py' }),
    'steps.train.script: must be a path inside the folder',
  ],
  [
    '.. at the end of a script',
    step('train', { script: 'a/..' }),
    'steps.train.script: must be a path inside the folder',
  ],
  [
    '.. behind a line separator',
    step('train', { script: 'a\u2028/../../b' }),
    'steps.train.script: must be a path inside the folder',
  ],
  [
    'an absolute script',
    step('createModel', { script: '/etc/passwd' }),
    'steps.createModel.script: must be a path inside the folder',
  ],
  [
    'a script with a backslash',
    step('train', { script: '..\\a.py' }),
    'steps.train.script: must be a path inside the folder',
  ],
  ['an empty script', step('train', { script: '' }), 'steps.train.script: must not be empty'],
  [
    '.. in the report',
    step('evaluate', { ...script, report: 'a/../../r.json' }),
    'steps.evaluate.report: must be a path inside the folder',
  ],
  [
    'an encoded .. in the report',
    step('evaluate', { ...script, report: '%2e%2e/r.json' }),
    'steps.evaluate.report: must consist of letters',
  ],
  [
    'an absolute report',
    step('evaluate', { ...script, report: '/r.json' }),
    'steps.evaluate.report: must be a path inside the folder',
  ],

  [
    'no image at all',
    smallPipeline({ framework: undefined as never }),
    'steps.preprocess: needs a "framework" or an "image", here or at the top level',
  ],
  [
    'framework and image',
    smallPipeline({ image: 'x' }),
    '(top level): takes "framework" or "image", not both',
  ],
  [
    'framework and image in a step',
    step('train', { ...script, image: 'x', framework: { name: 'sklearn', version: '1.2-1' } }),
    'steps.train: takes "framework" or "image", not both',
  ],
  [
    'an unknown framework',
    smallPipeline({ framework: { name: 'torch', version: '2' } }),
    'framework.name: takes one of "sklearn", "xgboost", not "torch"',
  ],
  [
    'a version of another framework',
    smallPipeline({ framework: { name: 'xgboost', version: '1.2-1' } }),
    'framework.version: xgboost is there as 1.7-1',
  ],
  [
    'an unknown mode',
    smallPipeline({ executionMode: 'cloud' }),
    'executionMode: takes one of "local", "sagemaker", not "cloud"',
  ],
  [
    'an unknown mode of a step',
    step('train', { ...script, executionMode: '' }),
    'steps.train.executionMode: takes one of "local"',
  ],
  [
    'no instance',
    step('train', { ...script, instanceCount: 0 }),
    'steps.train.instanceCount: must be at least 1',
  ],
  [
    'half an instance',
    step('train', { ...script, instanceCount: 0.5 }),
    'steps.train.instanceCount: takes a whole number, not 0.5',
  ],
  [
    'an endless run',
    step('train', { ...script, maxRuntimeSeconds: 1e9 }),
    'steps.train.maxRuntimeSeconds: must be at most 432000',
  ],
  [
    'a list as hyperparameter',
    step('train', { ...script, hyperparameters: { a: [1] } }),
    'steps.train.hyperparameters.a: takes text, a number, true or false',
  ],
  [
    'a long hyperparameter',
    step('train', { ...script, hyperparameters: { a: '"'.repeat(1250) } }),
    'steps.train.hyperparameters.a: takes at most 2,500 characters as JSON',
  ],
  [
    'a hyperparameter of SageMaker',
    step('train', { ...script, hyperparameters: { sagemaker_program: 'x' } }),
    'steps.train.hyperparameters.sagemaker_program: names that start with',
  ],
  [
    '98 hyperparameters',
    step('train', { ...script, hyperparameters: many(98) }),
    'steps.train.hyperparameters: takes at most 97 names',
  ],
  [
    '101 variables',
    step('train', { ...script, environment: many(101) }),
    'steps.train.environment: takes at most 100 variables',
  ],
  [
    '17 variables of a transform',
    step('transform', { input: 'b', environment: many(17) }),
    'steps.transform.environment: takes at most 16 variables',
  ],
  [
    'a bad variable name',
    step('train', { ...script, environment: { 'A=B': 'x' } }),
    'steps.train.environment["A=B"]: is not a name to be used',
  ],
  [
    'a webhook to a file',
    step('notify', [{ webhook: 'file:///etc/passwd' }]),
    'steps.notify[0].webhook: must be an http:// or https:// address',
  ],
  [
    'a webhook that is no address',
    step('notify', [{ webhook: 'hook' }]),
    'steps.notify[0].webhook: must be an http:// or https:// address',
  ],
])('refuses %s', (_title, file, message) => {
  const error = refusal(() => parsePipeline('pipeline.json', file));
  expect(error.code).toBe('InvalidInput');
  expect(error.message.split('\n')[0]).toBe('pipeline.json is not valid:');
  expect(error.message).toContain(`\n  ${message.startsWith('is not') ? '' : message}`);
  expect(error.message).toContain(message);
});

test.each([
  ['a list', []],
  ['a text', '{}'],
  ['null', null],
  ['nothing', undefined],
])('refuses %s instead of a pipeline', (_title, file) => {
  expect(refusal(() => parsePipeline('f.json', file)).message).toBe(
    'f.json is not valid: it must be a JSON object',
  );
});

test.each([
  ['a list', [], 'The parameters of the run must be an object of names and values'],
  ['null', null, 'The parameters of the run must be an object of names and values'],
  ['an undeclared one', { q: 1 }, 'parameters.q: is not declared by the pipeline (declared: p)'],
  ['text for a Float', { p: '7' }, 'parameters.p: is of type Float and takes a finite number, not "7"'],
  ['an expression', { p: { Get: 'Parameters.p' } }, 'parameters.p: is of type Float'],
])('refuses %s as the parameters of a run', (_title, parameters, message) => {
  expect(refusal(() => parsePipeline('f', referring({ p: float }), { parameters })).message).toContain(
    message,
  );
});

test('refuses an unknown mode of the run', () => {
  const message = 'executionMode: takes one of "local", "sagemaker", not "cloud"';
  expect(refusal(() => parsePipeline('f', smallPipeline(), { executionMode: 'cloud' })).message).toContain(
    message,
  );
});

test('all problems are told at once, and of an expression without a value only why it has none', () => {
  const file = smallPipeline(
    { parameters: { unused: float, missing: { type: 'String' } }, nmae: 1 },
    {
      train: { script: { Get: 'Parameters.no' } },
      transform: { input: { 'Std:Join': { On: '/', Values: ['a', { Get: 'Parameters.missing' }] } } },
    },
  );
  const { message, details } = refusal(() => parsePipeline('f', file, { parameters: { other: 1 } }));
  expect(message.split('\n').slice(1).sort()).toEqual([
    '  nmae: is not a known key (misspelt?)',
    '  parameters.missing: is required: it has no default and was not given',
    '  parameters.other: is not declared by the pipeline (declared: unused, missing)',
    '  parameters.unused: is declared, but nothing refers to it',
    '  steps.train.script: refers to parameter "no", which is not declared (declared: unused, missing)',
  ]);
  expect(details.problems).toHaveLength(5);
});

test('no more than twenty problems are told', () => {
  const { message } = refusal(() => parsePipeline('f', smallPipeline(many(50))));
  expect(message.split('\n')).toHaveLength(22);
  expect(message).toMatch(/\n {2}… and 30 more$/);
});

function many(count: number): Record<string, Json> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, 'x']));
}

test('what a run knows of itself goes into paths, the name of the pipeline too', () => {
  const input = {
    'Std:Join': {
      On: '/',
      Values: [
        { Get: 'Execution.PipelineName' },
        { 'Sluice:FormatTime': { Time: { Get: 'Execution.ScheduledTime' }, Format: '%Y/%m/%d' } },
        { Get: 'Execution.PipelineExecutionId' },
      ],
    },
  };
  const time = new Date('2026-11-28T00:00:00Z');
  const execution = { runId: 'run-1', startTime: new Date(), scheduledTime: time };
  const file = smallPipeline({}, { transform: { input } });
  expect(parsePipeline('f', file, {}, execution).pipeline.steps.transform?.input).toBe(
    'small/2026/11/28/run-1',
  );
  expect(parsePipeline('f', file).pipeline.steps.transform?.input).toContain('small/1970/01/01/');
});

test('the name of the pipeline cannot be made of itself', () => {
  const file = smallPipeline({ name: { Get: 'Execution.PipelineName' } });
  expect(refusal(() => parsePipeline('f', file)).message).toContain(
    'name: refers to Execution.PipelineName, which is not known here',
  );
});

test('a run may say what becomes of a rejected one', () => {
  const { pipeline } = parsePipeline('f', smallPipeline(), { onRejected: 'complete' });
  expect(pipeline.steps.condition.onRejected).toBe('complete');
});
