import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeAwsClients, runAwsClient } from '../support/aws-clients.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Statement {
  Sid: string;
  Effect: string;
  Action: string[];
  Resource: string[];
  Condition?: object;
}
const { Statement: statements } = JSON.parse(read('docs/iam-policy.json')) as { Statement: Statement[] };
const allowed = statements.flatMap(({ Action }) => Action);

/** Where S3 has another name for a permission than for the call. */
const s3Actions: Record<string, string> = {
  HeadBucket: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  HeadObject: 's3:GetObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
};

/** What the clients of src/aws call, but SageMaker's, which takes the name of any operation. */
function callsOfClients(): string[] {
  return readdirSync(new URL('../../src/aws', import.meta.url)).flatMap((file) => {
    const source = read(`src/aws/${file}`);
    const service = /@aws-sdk\/client-([a-z0-9-]+)/.exec(source)?.[1];
    if (service === undefined || service === 'sagemaker') return [];
    const calls = [...source.matchAll(/\b([A-Z]\w+?)Command\b/g)].map(([, name = '']) => name);
    const prefix = service === 'cloudwatch-logs' ? 'logs' : service;
    return calls.map((name) => (prefix === 's3' ? (s3Actions[name] ?? `s3:${name}`) : `${prefix}:${name}`));
  });
}

/** What the engine and the registry ask SageMaker for; jobs are created with tags. */
function callsOfSageMaker(): string[] {
  const folders = ['src/engines/sagemaker', 'src/registry'];
  const sources = folders.flatMap((folder) =>
    readdirSync(new URL(`../../${folder}`, import.meta.url))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => read(`${folder}/${file}`)),
  );
  const operation =
    /['`](?:Create|Describe|Stop|List|Delete|Update|Add)(?:\$\{[\w.]+\}|[A-Z](?!ailed)[a-z]+)+['`]/g;
  const names = sources.flatMap((source) => source.match(operation) ?? []).map((name) => name.slice(1, -1));
  const kinds = ['Processing', 'Training', 'Transform'];
  const expanded = names.flatMap((name) => kinds.map((kind) => name.replace(/\$\{[\w.]+\}/, kind)));
  return [...new Set([...expanded, 'AddTags'])].map((name) => `sagemaker:${name}`);
}

/** No calls of ours: what SageMaker and the container engine do with the worker's credentials. */
const indirect = [
  'iam:PassRole',
  ...['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
];

describe('the IAM policy of the docs', () => {
  it('allows what the code calls, and nothing else', () => {
    const called = new Set([...callsOfClients(), ...callsOfSageMaker(), ...indirect]);
    expect(called.size).toBeGreaterThan(25);
    expect([...allowed].sort()).toEqual([...called].sort());
  });

  it('has no wildcard in an action, and in a resource only where AWS knows no resource', () => {
    for (const { Effect, Action, Resource, Sid } of statements) {
      expect(Effect).toBe('Allow');
      for (const action of Action) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
      if (!['WhoAmI', 'LoginForImages', 'Sweep'].includes(Sid))
        for (const resource of Resource) expect(resource).toMatch(/^arn:aws:[a-z0-9]+:.*[<:]/);
    }
  });

  it('passes the role on to SageMaker alone', () => {
    expect(statements.find(({ Action }) => Action.includes('iam:PassRole'))).toMatchObject({
      Condition: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
    });
  });
});

describeAwsClients('the IAM policy of the docs', () => {
  it("names operations of AWS's own service models", async () => {
    const permissions = ['iam:PassRole', 's3:ListBucket'];
    const operations = allowed.filter((action) => !permissions.includes(action));
    const program = [
      'import json, sys',
      'from botocore.session import Session',
      'session = Session()',
      'pairs = [action.split(":") for action in json.load(sys.stdin)]',
      'unknown = [":".join(pair) for pair in pairs',
      '           if pair[1] not in session.get_service_model(pair[0]).operation_names]',
      'print(json.dumps(unknown))',
    ].join('\n');
    const { stdout, stderr } = await runAwsClient('python', ['-I', '-c', program], {
      input: JSON.stringify(operations),
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([]);
  });
});
