import { validationException } from '../aws-error.ts';
import { pageOf } from '../lists.ts';
import type { Body, Region } from '../store.ts';
import type { Call } from './call.ts';

interface Tag {
  Key: string;
  Value: string;
}

const mostTags = 50;

/** Checks the tags of a request before anything is made. @throws AwsError. */
export function checkTags(input: Body, already: ReadonlyMap<string, string> = new Map()): Tag[] {
  const { Tags: tags = [] } = input as { Tags?: Tag[] };
  const keys = tags.map(({ Key }) => Key);
  if (new Set(keys).size < keys.length) throw validationException('Duplicate tag keys are not allowed');
  const reserved = keys.find((key) => key.toLowerCase().startsWith('aws:'));
  if (reserved !== undefined)
    throw validationException(`Tag key '${reserved}' is not valid: aws: prefixed tag keys are not allowed`);
  if (new Set([...already.keys(), ...keys]).size > mostTags)
    throw validationException(`A resource can have at most ${mostTags} tags`);
  return tags;
}

export function setTags({ tags }: Region, arn: string, added: readonly Tag[]): void {
  const all = tags.get(arn) ?? new Map<string, string>();
  for (const { Key, Value } of added) all.set(Key, Value);
  tags.set(arn, all);
}

export function addTags({ input, region }: Call): Body {
  const arn = knownArn(region, input);
  setTags(region, arn, checkTags(input, region.tags.get(arn)));
  return { Tags: tagsOf(region, arn) };
}

export function deleteTags({ input, region }: Call): Body {
  const arn = knownArn(region, input);
  for (const key of input.TagKeys as string[]) region.tags.get(arn)?.delete(key);
  return {};
}

export function listTags({ input, region }: Call): Body {
  const arn = knownArn(region, input);
  if (region.hidden.has(arn)) throw missing(arn);
  const items = tagsOf(region, arn).map((tag) => ({
    name: tag.Key,
    arn: tag.Key,
    createdAt: 0,
    summary: { ...tag },
  }));
  const { summaries, ...rest } = pageOf(items, input, { pageSize: mostTags });
  return { Tags: summaries, ...rest };
}

const tagsOf = ({ tags }: Region, arn: string): Tag[] =>
  [...(tags.get(arn) ?? [])].map(([Key, Value]) => ({ Key, Value }));

/** Everything that was made has an entry in the tags, if only an empty one. */
function knownArn({ tags }: Region, input: Body): string {
  const arn = input.ResourceArn as string;
  if (!tags.has(arn)) throw missing(arn);
  return arn;
}

const missing = (arn: string) => validationException(`Could not find resource "${arn}".`);
