import { encodeSpans, type Span } from './span.ts';

export interface ExporterOptions {
  /** Of the receiver: `http://localhost:4318/v1/traces`. */
  url: string;
  headers: Readonly<Record<string, string>>;
  /** What all spans have in common. */
  resource: Span['attributes'];
  /** Told when spans are lost. */
  onLost: (facts: { spans: number; reason: string }) => void;
  everyMs?: number;
}

export interface Exporter {
  add(span: Span): void;
  /** Sends what waits, and gives it up if that takes too long. */
  flush(): Promise<void>;
}

/** As the OpenTelemetry SDKs have it: so many wait at most, so many are sent at once. */
const mostWaiting = 2048;
const mostAtOnce = 512;
const patienceMs = 10_000;
const attempts = 5;
/** Only these are worth another try (OTLP, "Retryable Response Codes"). */
const retryable = new Set([429, 502, 503, 504]);

/** Sends spans to a receiver of OTLP/HTTP, from time to time. A receiver that is away costs spans, never a run. */
export function createExporter({
  url,
  headers,
  resource,
  onLost,
  everyMs = 1000,
}: ExporterOptions): Exporter {
  let waiting: Span[] = [];
  let failures = 0;
  let sending: Promise<void> | null = null;

  const lose = (spans: number, reason: string) => {
    failures = 0;
    onLost({ spans, reason });
  };
  const sendBatch = async () => {
    const batch = waiting.slice(0, mostAtOnce);
    const reason = await post(url, headers, encodeSpans(batch, resource));
    if (reason === null || !reason.again || (failures += 1) === attempts) {
      waiting = waiting.slice(batch.length);
      if (reason === null) failures = 0;
      else lose(batch.length, reason.text);
    }
    return reason === null;
  };
  const send = async () => {
    while (waiting.length > 0 && (await sendBatch()));
  };
  const sendOnce = () => (sending ??= send().finally(() => (sending = null)));

  setInterval(() => void sendOnce(), everyMs).unref();
  return {
    add(span) {
      if (waiting.length < mostWaiting) waiting.push(span);
      else onLost({ spans: 1, reason: `${mostWaiting} spans wait already` });
    },
    async flush() {
      await sending;
      await sendOnce();
    },
  };
}

/** @returns null if it was taken. */
async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<{ text: string; again: boolean } | null> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(patienceMs),
    });
    await answer.arrayBuffer();
    return answer.ok ? null : { text: `status ${answer.status}`, again: retryable.has(answer.status) };
  } catch (error) {
    const { message, cause } = error as Error;
    return { text: cause instanceof Error ? cause.message : message, again: true };
  }
}
