import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pipelineJsonSchema, runInputJsonSchema } from '../../src/core/json-schema.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const stored = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8'));

type Node = Record<string, ReturnType<typeof JSON.parse>>;

function runSchemas(cwd: string, ...args: string[]) {
  const env = { ...process.env, SLUICE_SKIP_SETUP: '1' };
  const script = ['scripts/schemas.js', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, script, { cwd, encoding: 'utf8', env });
  return { status, stdout, stderr };
}

/** Paths of the properties that take a plain value and no expression. */
function withoutExpressions(node: Node, path: string): string[] {
  if (Array.isArray(node.anyOf)) {
    return node.anyOf.some((option: Node) => option.$ref === '#/$defs/expression') ? [] : [path];
  }
  if (node.type === 'object') {
    return Object.entries((node.properties ?? {}) as Node).flatMap(([key, inner]) =>
      withoutExpressions(inner as Node, `${path}/${key}`),
    );
  }
  return node.type === 'array' ? withoutExpressions(node.items as Node, `${path}/*`) : [path];
}

describe('the JSON Schemas', () => {
  it('are those that the zod schemas make now', () => {
    expect(stored('pipeline')).toEqual(pipelineJsonSchema());
    expect(stored('run-input')).toEqual(runInputJsonSchema());
  });

  it('pass the check of `npm run schemas`', () => {
    expect(runSchemas(root, '--check')).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('fail the check when one is stale, until they are written anew', () => {
    const copy = mkdtempSync(join(tmpdir(), 'sluice-schemas-'));
    try {
      for (const part of ['scripts', 'schemas', 'dist/core', 'package.json']) {
        cpSync(join(root, part), join(copy, part), { recursive: true });
      }
      symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
      const path = join(copy, 'schemas', 'run-input.schema.json');
      writeFileSync(path, '{}\n');
      expect(runSchemas(copy, '--check')).toEqual({
        status: 1,
        stdout: '',
        stderr: 'schemas/run-input.schema.json is stale: run "npm run schemas"\n',
      });
      expect(readFileSync(path, 'utf8')).toBe('{}\n');
      expect(runSchemas(copy)).toMatchObject({ status: 0, stdout: 'wrote schemas/run-input.schema.json\n' });
      expect(runSchemas(copy, '--check').status).toBe(0);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it('take an expression for every plain value but those of "parameters" and "$schema"', () => {
    const { properties, $defs } = stored('pipeline') as Node;
    expect(Object.keys($defs as Node)).toContain('expression');
    const plain = Object.entries(properties as Node)
      .filter(([key]) => key !== 'parameters' && key !== '$schema')
      .flatMap(([key, node]) => withoutExpressions(node as Node, key));
    expect(plain).toEqual([]);
    expect(JSON.stringify([properties.parameters, properties.$schema])).not.toContain('#/$defs/expression');
  });

  it('say which dialect they are written in and allow no unknown keys', () => {
    for (const name of ['pipeline', 'run-input']) {
      expect(stored(name)).toMatchObject({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        additionalProperties: false,
      });
    }
  });
});
