import type { ScheduleOverlapPolicy } from '@temporalio/client';
import { parseTime } from '../../core/format-time.ts';
import { usageError } from '../errors.ts';

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `10m`, `6h`, `1d`. @returns milliseconds. */
export function parseDuration(option: string, text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? [];
  const milliseconds = Number(amount) * units[(unit ?? 's') as keyof typeof units];
  if (!Number.isFinite(milliseconds))
    throw usageError(`${option} takes a number with s, m, h or d, as in 6h, not ${JSON.stringify(text)}`);
  return milliseconds;
}

/** The largest unit that shows it whole. */
export function durationText(milliseconds: number): string {
  const fitting = (['d', 'h', 'm'] as const).find((unit) => milliseconds % units[unit] === 0);
  return fitting === undefined || milliseconds === 0
    ? `${milliseconds / 1000}s`
    : `${milliseconds / units[fitting]}${fitting}`;
}

/** A day is taken from its start or to its end, in UTC. */
export function parseMoment(option: string, text: string, dayEnds: boolean): Date {
  const time = parseTime(
    /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T${dayEnds ? '23:59:59' : '00:00:00'}Z` : text,
  );
  if (time !== null) return time;
  throw usageError(
    `${option} takes a day (2026-11-26) or a time (2026-11-26T03:00:00Z), not ${JSON.stringify(text)}`,
  );
}

/** `BufferAll` of the Temporal CLI is `BUFFER_ALL` in its client. */
export const overlapOf = (name: string) =>
  name.replace(/(?<=[a-z])[A-Z]/g, '_$&').toUpperCase() as NonNullable<ScheduleOverlapPolicy>;

export const timeText = (time: Date) => time.toISOString().replace('.000Z', 'Z');
