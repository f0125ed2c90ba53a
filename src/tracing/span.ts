import { createHash } from 'node:crypto';

/** Something that took its time. Times are milliseconds since 1970. */
export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  start: number;
  end: number;
  attributes: Readonly<Record<string, string | number | boolean | null | undefined>>;
  /** Why it failed; null if it did not. */
  error: string | null;
}

/**
 * The trace of a run has the run's id, and its spans have ids that follow from it: so whatever worker knows of a part can tell it,
 * and all parts fit together.
 */
export const traceIdOf = (runId: string) => runId.replaceAll('-', '').toLowerCase();

export const spanIdOf = (runId: string, ...path: readonly string[]) =>
  createHash('sha256')
    .update([runId, ...path].join('\n'))
    .digest('hex')
    .slice(0, 16);

type Attributes = Span['attributes'];

/** The body of a request of OTLP/HTTP in JSON (opentelemetry-proto 1.x, "JSON Protobuf Encoding"). */
export function encodeSpans(spans: readonly Span[], resource: Attributes): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: encodeAttributes(resource) },
        scopeSpans: [{ scope: { name: 'sluice' }, spans: spans.map(encodeSpan) }],
      },
    ],
  });
}

const internalKind = 1;
const statusError = 2;

function encodeSpan({ traceId, spanId, parentSpanId, name, start, end, attributes, error }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId !== null && { parentSpanId }),
    name,
    kind: internalKind,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(Math.max(start, end)),
    attributes: encodeAttributes(attributes),
    status: error === null ? {} : { code: statusError, message: error },
  };
}

const nanoseconds = (milliseconds: number) => `${BigInt(Math.round(milliseconds * 1000)) * 1000n}`;

function encodeAttributes(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]): object[] => {
    if (value === null || value === undefined) return [];
    if (typeof value === 'string') return [{ key, value: { stringValue: value } }];
    if (typeof value === 'boolean') return [{ key, value: { boolValue: value } }];
    return [{ key, value: Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value } }];
  });
}
