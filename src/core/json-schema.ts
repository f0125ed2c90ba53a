import { z } from 'zod';
import { executionVariables } from './execution.ts';
import type { Json } from './expressions.ts';
import { pipelineSchema } from './pipeline.ts';
import { runInput } from './run-input.ts';

/** JSON Schemas for editors, generated from what the run itself parses with. Workflow code does not import this file. */

type Node = Record<string, Json>;

/** In the file any scalar may be an expression; only what declares the parameters may not. */
export function pipelineJsonSchema(): Node {
  const { properties, ...rest } = toJsonSchema(pipelineSchema);
  const { $schema: own = {}, parameters = {}, ...others } = properties as Node;
  return {
    ...rest,
    title: 'Sluice pipeline',
    properties: { $schema: own, ...mapValues(others, withExpressions), parameters },
    $defs: { expression },
  };
}

export function runInputJsonSchema(): Node {
  return { ...toJsonSchema(runInput), title: 'Input of the workflow trainingPipeline' };
}

function toJsonSchema(schema: z.ZodType): Node {
  return withoutIntegerBounds(z.toJSONSchema(schema, { io: 'input' }) as Json) as Node;
}

const expressionReference: Node = { $ref: '#/$defs/expression' };
const scalarOrExpression: Node = { anyOf: [{ type: ['string', 'number', 'boolean'] }, expressionReference] };

const textOrExpression: Node = { anyOf: [{ type: 'string' }, expressionReference] };

const only = (properties: Node): Node => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

/** SageMaker's pipeline expressions and ours, as far as `expressions.ts` resolves them. */
const expression: Node = {
  description: 'The value of a parameter or of the run, several joined to a text, or a time as a text.',
  anyOf: [
    only({
      Get: {
        type: 'string',
        pattern: `^(Parameters\\.[A-Za-z0-9_-]{1,64}|Execution\\.(${executionVariables.join('|')}))$`,
      },
    }),
    only({
      'Std:Join': only({ On: { type: 'string' }, Values: { type: 'array', items: scalarOrExpression } }),
    }),
    only({
      'Sluice:FormatTime': {
        type: 'object',
        properties: {
          Time: textOrExpression,
          Format: { description: 'As in strftime: %Y %m %d %H %M %S %F %j.', ...textOrExpression },
          TimeZone: { description: 'IANA name. Default: UTC.', ...textOrExpression },
          AddDays: { anyOf: [{ type: 'integer' }, expressionReference] },
        },
        required: ['Time', 'Format'],
        additionalProperties: false,
      },
    }),
  ],
};

function withExpressions(node: Json): Json {
  if (!isNode(node)) return node;
  if (isScalar(node)) {
    const { description, default: initial, ...scalar } = node;
    return {
      ...(description !== undefined && { description }),
      ...(initial !== undefined && { default: initial }),
      anyOf: [scalar, expressionReference],
    };
  }
  // A text, or an object that stands for one.
  if (Array.isArray(node.anyOf)) return { ...node, anyOf: [...node.anyOf, expressionReference] };
  return {
    ...node,
    ...(isNode(node.properties) && { properties: mapValues(node.properties, withExpressions) }),
    ...(isNode(node.additionalProperties) && {
      additionalProperties: withExpressions(node.additionalProperties),
    }),
    ...(isNode(node.items) && { items: withExpressions(node.items) }),
  };
}

const scalarTypes = ['string', 'number', 'integer', 'boolean'];

function isScalar({ type, anyOf }: Node): boolean {
  if (Array.isArray(anyOf)) return anyOf.every((option) => isNode(option) && isScalar(option));
  return [type].flat().every((name) => typeof name === 'string' && scalarTypes.includes(name));
}

/** zod spells out the bounds of a safe integer. */
function withoutIntegerBounds(node: Json): Json {
  if (Array.isArray(node)) return node.map(withoutIntegerBounds);
  if (!isNode(node)) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([, value]) => value !== Number.MAX_SAFE_INTEGER && value !== Number.MIN_SAFE_INTEGER)
      .map(([key, value]) => [key, withoutIntegerBounds(value)]),
  );
}

function isNode(node: Json | undefined): node is Node {
  return typeof node === 'object' && node !== null && !Array.isArray(node);
}

function mapValues(node: Node, map: (value: Json) => Json): Node {
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, map(value)]));
}
