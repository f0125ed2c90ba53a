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
  const sorting = { by: filters.SortBy, order: filters.SortOrder ?? order };
  const sorted = sort(items, sorting);
  const question = hashOf(input);
  const start =
    filters.NextToken === undefined ? 0 : startAfter(filters.NextToken, question, sorted, sorting);
  const left = sorted.slice(start).filter((item) => passes(item, filters));
  const page = left.slice(0, filters.MaxResults ?? pageSize);
  const last = page.at(-1);
  const summaries = page.map(({ summary }) => summary);
  if (last === undefined || page.length === left.length) return { summaries };
  return { summaries, NextToken: tokenAt(last, question, filters.SortBy) };
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

function keyOf(item: Item, by: string | undefined): string | number {
  return by === 'Name' ? item.name : by === 'Status' ? (item.status ?? '') : item.createdAt;
}

interface Sorting {
  by: string | undefined;
  order: string;
}

function sort(items: readonly Item[], { by, order }: Sorting): Item[] {
  const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...items].sort((a, b) => compare(keyOf(a, by), keyOf(b, by)));
  return order === 'Descending' ? sorted.reverse() : sorted;
}

/** A token goes with the question that it came from. */
function hashOf(input: Body): string {
  const question = Object.entries(input).filter(([name]) => name !== 'NextToken' && name !== 'MaxResults');
  return createHash('sha256').update(JSON.stringify(question)).digest('base64').slice(0, 12);
}

/** Where a page ended: by what is there, whether it still passes or not, so that jobs that end between two pages shift none. */
function tokenAt(last: Item, question: string, by: string | undefined): string {
  return Buffer.from(JSON.stringify([question, last.arn, keyOf(last, by)])).toString('base64');
}

function startAfter(
  token: string,
  question: string,
  sorted: readonly Item[],
  { by, order }: Sorting,
): number {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(token, 'base64').toString());
  } catch {
    throw validationException('Invalid NextToken');
  }
  if (!Array.isArray(read) || read[0] !== question) throw validationException('Invalid NextToken');
  const [, arn, key] = read as [string, string, string | number];
  const index = sorted.findIndex((item) => item.arn === arn);
  if (index !== -1) return index + 1;
  // It was deleted meanwhile: go on with what came after it.
  const next = sorted.findIndex((item) =>
    order === 'Descending' ? keyOf(item, by) <= key : keyOf(item, by) >= key,
  );
  return next === -1 ? sorted.length : next;
}
