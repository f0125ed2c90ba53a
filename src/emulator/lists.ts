import { createHash } from 'node:crypto';
import { validationException } from './aws-error.ts';
import type { Body } from './store.ts';

/** One thing of a list, with what lists can be filtered and sorted by. */
export interface Item {
  name: string;
  arn: string;
  createdAt: number;
  modifiedAt?: number;
  status?: string;
  /** How the list shows it. */
  summary: Body;
}

/** What all List operations understand. Times are seconds since 1970. */
interface Filters {
  NextToken?: string;
  MaxResults?: number;
  SortBy?: string;
  SortOrder?: string;
  NameContains?: string;
  StatusEquals?: string;
  CreationTimeAfter?: number;
  CreationTimeBefore?: number;
  LastModifiedTimeAfter?: number;
  LastModifiedTimeBefore?: number;
}

export interface Page {
  summaries: Body[];
  NextToken?: string;
}

/** Where the documentation names no other (ListTransformJobs does: 10). */
const defaultPage = 10;

/** One page of a list. @throws AwsError for a token that is none of this list's. */
export function pageOf(
  items: readonly Item[],
  input: Body,
  {
    order = 'Ascending',
    pageSize = defaultPage,
  }: { order?: 'Ascending' | 'Descending'; pageSize?: number } = {},
): Page {
  const filters = input as Filters;
  const sorted = sort(
    items.filter((item) => passes(item, filters)),
    filters.SortBy,
    filters.SortOrder ?? order,
  );
  const question = hashOf(input);
  const start = filters.NextToken === undefined ? 0 : startAfter(filters.NextToken, question, sorted);
  const page = sorted.slice(start, start + (filters.MaxResults ?? pageSize));
  const last = page.at(-1);
  const summaries = page.map(({ summary }) => summary);
  if (last === undefined || start + page.length >= sorted.length) return { summaries };
  return { summaries, NextToken: Buffer.from(JSON.stringify([question, last.arn])).toString('base64') };
}

function passes(item: Item, filters: Filters): boolean {
  const created = item.createdAt / 1000;
  const modified = (item.modifiedAt ?? item.createdAt) / 1000;
  return (
    (filters.NameContains === undefined ||
      item.name.toLowerCase().includes(filters.NameContains.toLowerCase())) &&
    (filters.StatusEquals === undefined || item.status === filters.StatusEquals) &&
    created >= (filters.CreationTimeAfter ?? -Infinity) &&
    created <= (filters.CreationTimeBefore ?? Infinity) &&
    modified >= (filters.LastModifiedTimeAfter ?? -Infinity) &&
    modified <= (filters.LastModifiedTimeBefore ?? Infinity)
  );
}

function sort(items: readonly Item[], by: string | undefined, order: string): Item[] {
  const key = (item: Item) =>
    by === 'Name' ? item.name : by === 'Status' ? (item.status ?? '') : item.createdAt;
  const sorted = [...items].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return order === 'Descending' ? sorted.reverse() : sorted;
}

/** A token goes with the question that it came from. */
function hashOf(input: Body): string {
  const question = Object.entries(input).filter(([name]) => name !== 'NextToken' && name !== 'MaxResults');
  return createHash('sha256').update(JSON.stringify(question)).digest('base64').slice(0, 12);
}

function startAfter(token: string, question: string, sorted: readonly Item[]): number {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(token, 'base64').toString());
  } catch {
    throw validationException('Invalid NextToken');
  }
  const index =
    Array.isArray(read) && read[0] === question ? sorted.findIndex(({ arn }) => arn === read[1]) : -1;
  if (index === -1) throw validationException('Invalid NextToken');
  return index + 1;
}
