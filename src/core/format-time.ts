/** A moment as its parts, in a time zone. */
interface Parts {
  year: string;
  month: string;
  day: string;
  hour: string;
  minute: string;
  second: string;
}

/** The directives of `strftime` (C, Python) that are numbers alone: nothing depends on a language. */
const directives: Readonly<Record<string, (parts: Parts) => string>> = {
  Y: ({ year }) => year,
  m: ({ month }) => month,
  d: ({ day }) => day,
  H: ({ hour }) => hour,
  M: ({ minute }) => minute,
  S: ({ second }) => second,
  F: ({ year, month, day }) => `${year}-${month}-${day}`,
  j: ({ year, month, day }) => dayOfYear(Number(year), Number(month), Number(day)),
  '%': () => '%',
};

export interface TimeFormat {
  format: string;
  /** IANA name. Default: UTC. */
  timeZone?: string | undefined;
  /** Calendar days in that zone, to add before formatting: -1 is the day before. */
  addDays?: number | undefined;
}

/** ISO 8601, UTC, whole seconds: `2026-11-28T03:00:00Z`. */
export const isoSeconds = (time: Date) => `${time.toISOString().slice(0, 19)}Z`;

/** The moment that an ISO 8601 text with a zone names; null if it names none. */
export function parseTime(text: string): Date | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(text)) return null;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? null : time;
}

/** What is wrong with a format; null if nothing is. */
export function problemWithFormat({ format, timeZone }: TimeFormat): string | null {
  const unknown = [...format.matchAll(/%([\s\S]?)/g)].find(
    ([, name = '']) => !Object.hasOwn(directives, name),
  );
  if (unknown)
    return `"Format" has ${JSON.stringify(unknown[0])}; known are ${Object.keys(directives)
      .map((name) => `%${name}`)
      .join(', ')}`;
  if (timeZone !== undefined && !isTimeZone(timeZone))
    return `"TimeZone" is none that is known: ${JSON.stringify(timeZone)}; it takes names such as "Europe/Berlin"`;
  return null;
}

/** As `strftime` does. The format must have been looked at by {@link problemWithFormat}. */
export function formatTime(time: Date, { format, timeZone = 'UTC', addDays = 0 }: TimeFormat): string {
  const parts = withDaysAdded(partsOf(time, timeZone), addDays);
  return format.replace(/%([\s\S])/g, (_text, name: string) => directives[name]?.(parts) ?? '');
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets are no zones of the tz database, and not every engine takes them.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

function partsOf(time: Date, timeZone: string): Parts {
  const numeric = '2-digit';
  const formatter = new Intl.DateTimeFormat('en-US-u-ca-iso8601-nu-latn', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: numeric, day: numeric },
    ...{ hour: numeric, minute: numeric, second: numeric },
  });
  const parts = Object.fromEntries(formatter.formatToParts(time).map(({ type, value }) => [type, value]));
  const part = (name: keyof Parts) => (parts[name] ?? '').padStart(name === 'year' ? 4 : 2, '0');
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  };
}

/** By the calendar, so that a day of 23 or 25 hours is one day. */
function withDaysAdded(parts: Parts, days: number): Parts {
  const date = new Date(Date.UTC(Number(parts.year), Number(parts.month) - 1, Number(parts.day) + days));
  const [year = '', month = '', day = ''] = date.toISOString().slice(0, 10).split('-');
  return { ...parts, year, month, day };
}

function dayOfYear(year: number, month: number, day: number): string {
  const days = (Date.UTC(year, month - 1, day) - Date.UTC(year, 0, 0)) / 86_400_000;
  return String(days).padStart(3, '0');
}
