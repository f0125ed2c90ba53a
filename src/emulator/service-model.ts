import { readFileSync } from 'node:fs';

/** A shape of botocore's service model, with the names of other shapes where that has references. */
export interface Shape {
  type:
    | 'structure'
    | 'list'
    | 'map'
    | 'string'
    | 'integer'
    | 'long'
    | 'float'
    | 'double'
    | 'boolean'
    | 'timestamp'
    | 'blob';
  required?: readonly string[];
  enum?: readonly string[];
  pattern?: string;
  min?: number;
  max?: number;
  members?: Readonly<Record<string, string>>;
  member?: string;
  key?: string;
  value?: string;
}

export interface Operation {
  input: string;
  output?: string;
  /** The errors that the model declares. Every call may also fail with AWS's common errors. */
  errors: readonly string[];
}

export interface ServiceModel {
  /** Which release of botocore it was made from. */
  source: string;
  targetPrefix: string;
  operations: Readonly<Record<string, Operation>>;
  shapes: Readonly<Record<string, Shape>>;
}

let loaded: ServiceModel | undefined;

/** The service model, read once. `scripts/service-model.js` makes it. */
export function serviceModel(): ServiceModel {
  loaded ??= JSON.parse(readFileSync(new URL('service-model.json', import.meta.url), 'utf8')) as ServiceModel;
  return loaded;
}

export function shapeOf(name: string): Shape {
  const shape = serviceModel().shapes[name];
  if (shape === undefined) throw new Error(`the service model has no shape ${name}`);
  return shape;
}

/** The names that an operation's answer can have. */
export function outputMembers(operation: string): readonly string[] {
  const output = serviceModel().operations[operation]?.output;
  return output === undefined ? [] : Object.keys(shapeOf(output).members ?? {});
}

const patterns = new Map<string, RegExp>();

/** The model's patterns are Java's and match the whole value. */
export function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (pattern === undefined) {
    const translated = source
      .replace(/\\p\{Alnum\}/g, 'a-zA-Z0-9')
      // A quantified end of line: of no effect in Java, an error here.
      .replace(/\$\{\d+,\d+\}$/, '');
    pattern = new RegExp(`^(?:${translated})$`, 'u');
    patterns.set(source, pattern);
  }
  return pattern;
}
