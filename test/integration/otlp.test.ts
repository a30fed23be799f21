import { afterEach, expect, it } from 'vitest';
import { QUEUE_SPANS, Spans, type SpanOutcome } from '../../connectors/otlp/index.ts';
import { eventually } from '../support/eventually.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts';

let receiver: OtlpReceiver;
afterEach(() => receiver.close());

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

interface Rig {
  readonly spans: Spans;
  readonly counts: Record<SpanOutcome, number>;
  finish(count: number, flags?: string): void;
}

function rig(): Rig {
  const counts = { exported: 0, failed: 0, dropped: 0 };
  const spans = new Spans({
    ...{ endpoint: `${receiver.url}/`, service: 'tested', instanceId: '1' },
    onOutcome: (outcome, count) => void (counts[outcome] += count),
  });
  return {
    ...{ spans, counts },
    finish(count, flags = '01') {
      for (let index = 1; index <= count; index++)
        spans.finished({
          ...{ name: 'handle tested', kind: 'internal', seconds: 0.25, attributes: { index } },
          traceparent: `00-${TRACE}-${index.toString(16).padStart(16, '0')}-${flags}`,
          parentSpanId: 'f'.repeat(16),
        });
    },
  };
}

it('sends spans with the ids that they were given, and what is left at the end', async () => {
  receiver = await startOtlpReceiver();
  const { spans, counts, finish } = rig();
  finish(2);
  finish(1, '00');
  await spans.close();
  await eventually('the collector has both', () => receiver.spans.length === 2);
  await eventually('they are counted', () => counts.exported === 2);
  expect(receiver.spans).toMatchObject([
    {
      ...{ service: 'tested', traceId: TRACE, spanId: '0000000000000001' },
      ...{ parentSpanId: 'f'.repeat(16), name: 'handle tested' },
    },
    { spanId: '0000000000000002' },
  ]);
  const [first] = receiver.spans;
  const took = BigInt(first?.endTimeUnixNano ?? 0) - BigInt(first?.startTimeUnixNano ?? 0);
  // A double holds the time of day in milliseconds to a quarter of a microsecond.
  expect(Math.round(Number(took) / 1e4)).toBe(25_000);
});

it('holds QUEUE_SPANS while the collector hangs, counts the others, and sends those that it holds', async () => {
  receiver = await startOtlpReceiver();
  receiver.hold();
  const { spans, counts, finish } = rig();
  finish(QUEUE_SPANS + 100);
  expect(spans.waiting).toBe(QUEUE_SPANS);
  expect(counts.dropped).toBe(100);
  await eventually('a batch is under way', () => receiver.requests > 0);
  receiver.answer();
  await eventually('all are sent', () => counts.exported + counts.failed === QUEUE_SPANS, 60_000);
  expect([spans.waiting, counts.dropped]).toEqual([0, 100]);
  await spans.close();
});

it('ends in time when the collector hangs', async () => {
  receiver = await startOtlpReceiver();
  receiver.hold();
  const { spans, counts, finish } = rig();
  finish(1);
  await spans.close();
  expect(counts.exported).toBe(0);
  finish(1);
  expect(counts.exported).toBe(0);
});
