import { afterEach, describe, expect, it } from 'vitest';
import { createExporter, type Exporter } from '../../src/tracing/exporter.ts';
import { spanIdOf, traceIdOf, type Span } from '../../src/tracing/span.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.ts';
import { until } from '../support/until.ts';

const runId = '01a22403-d57f-7243-840d-70e362d27ab6';
const span = (name: string, more: Partial<Span> = {}): Span => ({
  traceId: traceIdOf(runId),
  spanId: spanIdOf(runId, name),
  parentSpanId: null,
  name,
  start: 1_795_900_563_000.25,
  end: 1_795_900_564_500,
  attributes: { text: 'a', count: 3, share: 0.5, flag: true, nothing: null },
  error: null,
  ...more,
});

let receiver: OtlpReceiver;
afterEach(() => receiver.close());

interface Lost {
  spans: number;
  reason: string;
}
async function open(statusOf?: (n: number) => number): Promise<{ exporter: Exporter; lost: Lost[] }> {
  receiver = await startOtlpReceiver(statusOf);
  const lost: Lost[] = [];
  const exporter = createExporter({
    url: `${receiver.url}/v1/traces`,
    headers: { 'x-api-key': 'a key' },
    resource: { 'service.name': 'sluice' },
    onLost: (facts) => lost.push(facts),
    everyMs: 20,
  });
  return { exporter, lost };
}

describe('spans', () => {
  it('arrive by themselves, together, in the words of OTLP', async () => {
    const { exporter } = await open();
    exporter.add(span('one'));
    exporter.add(span('two', { parentSpanId: spanIdOf(runId, 'one'), error: 'JobFailed' }));
    await until(() => receiver.spans.length === 2);
    expect(receiver.requests).toHaveLength(1);
    expect(receiver.requests[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'x-api-key': 'a key', 'content-type': 'application/json' },
      resource: { 'service.name': 'sluice' },
    });
    expect(receiver.spans).toEqual([
      {
        traceId: '01a22403d57f7243840d70e362d27ab6',
        spanId: spanIdOf(runId, 'one'),
        name: 'one',
        kind: 1,
        startTimeUnixNano: '1795900563000250000',
        endTimeUnixNano: '1795900564500000000',
        attributes: { text: 'a', count: '3', share: 0.5, flag: true },
        status: {},
      },
      expect.objectContaining({
        parentSpanId: spanIdOf(runId, 'one'),
        status: { code: 2, message: 'JobFailed' },
      }),
    ]);
    expect(spanIdOf(runId, 'one')).toMatch(/^[0-9a-f]{16}$/);
  });

  it('are sent again to a receiver that is busy, and each arrives once', async () => {
    const { exporter, lost } = await open((n) => (n < 3 ? 503 : 200));
    exporter.add(span('one'));
    await until(() => receiver.spans.length === 1);
    expect([receiver.requests.length, lost]).toEqual([3, []]);
  });

  it('that are refused are lost, and said to be', async () => {
    const { exporter, lost } = await open((n) => (n === 1 ? 401 : 200));
    exporter.add(span('one'));
    await until(() => lost.length === 1);
    expect(lost).toEqual([{ spans: 1, reason: 'status 401' }]);
    exporter.add(span('two'));
    await until(() => receiver.spans.length === 1);
    expect(receiver.spans[0]!.name).toBe('two');
  });

  it('are given up after five attempts, and no more than 2,048 wait', async () => {
    const { exporter, lost } = await open(() => 503);
    for (let n = 0; n < 2050; n += 1) exporter.add(span(`${n}`));
    expect(lost).toEqual(Array(2).fill({ spans: 1, reason: '2048 spans wait already' }));
    await until(() => lost.length === 3);
    expect(lost[2]).toEqual({ spans: 512, reason: 'status 503' });
    expect(receiver.requests).toHaveLength(5);
  });

  it('that wait are sent at the end', async () => {
    const { exporter } = await open();
    exporter.add(span('last'));
    await exporter.flush();
    expect(receiver.spans).toHaveLength(1);
  });
});
