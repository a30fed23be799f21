import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { envelope } from '../../avro/index.ts';
import { type Codec, CodecError } from '../../engine/codec.ts';
import type { EventRecord } from '../../engine/event.ts';
import { type BatchingPublisherOptions, createBatchingPublisher } from '../../gateway/index.ts';
import type { PlainProducer, RecordToSend, SendResult } from '../../kafka/client.ts';

type Answer = (records: readonly RecordToSend[]) => readonly SendResult[];

/** A producer whose requests are answered by hand, in the order in which they were made. */
class HeldProducer implements PlainProducer {
  readonly requests: (readonly RecordToSend[])[] = [];
  readonly #open: ((answer: Answer | Error) => void)[] = [];

  send(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    this.requests.push(records);
    return new Promise((resolve, reject) => {
      this.#open.push((answer) =>
        answer instanceof Error ? reject(answer) : resolve(answer(records)),
      );
    });
  }

  answer(answer: Answer | Error = confirmed): void {
    const next = this.#open.shift();
    if (next === undefined) throw new Error('no request is open');
    next(answer);
  }

  async close(): Promise<void> {}
}

const confirmed: Answer = (records) =>
  places(records).map((place) => ({ ...place, result: 'confirmed', baseOffset: 0 }));
const unanswered: Answer = (records) =>
  places(records).map((place) => ({ ...place, result: 'unknown', code: 'TIMEOUT', cause: null }));

function places(records: readonly RecordToSend[]) {
  const all = records.map(({ topic, partition }) => ({ topic, partition }));
  return [...new Map(all.map((each) => [`${each.topic}/${each.partition}`, each])).values()];
}

/** Its bytes are the event's id and its topic. */
const codec: Codec = {
  encode: (topic, record, value) => {
    const { envelope: head, payload } = value as EventRecord<{ intentId: string }>;
    if (payload.intentId === 'misfit') throw new CodecError('INVALID_VALUE', 'misfit');
    return Buffer.from(`${head.event_id} ${topic} ${record}`);
  },
  decode: () => ({ record: '', value: null }),
  knows: () => true,
  learn: async () => undefined,
};

function setUp(overrides: Partial<BatchingPublisherOptions> = {}) {
  const producer = new HeldProducer();
  const publisher = createBatchingPublisher({
    producer,
    codec,
    topicPrefix: 'pre.',
    partitions: 4,
    partitionOf: (key, partitions) => (key.at(-1) ?? 0) % partitions,
    ...overrides,
  });
  return { producer, publisher };
}

function event(name: string, intentId = 'i'): EventRecord {
  return envelope(
    'intent.submitted',
    { intentId },
    { correlationId: `intent-${name}`, eventId: name, sequence: 1 },
  );
}

/** What became of a publish, so that a rejection is never unhandled. */
function outcome(publish: Promise<void>): Promise<string> {
  return publish.then(
    () => 'published',
    (error: { code: string; delivery?: string }) => `${error.code} ${error.delivery ?? ''}`.trim(),
  );
}

function sent(request: readonly RecordToSend[] | undefined): string[] {
  return (request ?? []).map(({ headers }) => headers['event_id'] ?? '');
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the batching publisher', () => {
  it('sends the first event at once, encoded, keyed, and with its headers', async () => {
    const { producer, publisher } = setUp();
    const published = outcome(publisher.publish(event('a')));
    expect(producer.requests).toHaveLength(1);
    expect(producer.requests[0]).toEqual([
      {
        topic: 'pre.intents',
        partition: 'a'.charCodeAt(0) % 4,
        key: Buffer.from('intent-a'),
        value: Buffer.from('a intents millrace.trading.v1.IntentSubmitted'),
        headers: {
          event_id: 'a',
          event_type: 'intent.submitted',
          family: 'TRADING',
          correlation_id: 'intent-a',
          priority: 'normal',
          sequence: '1',
        },
      },
    ]);
    producer.answer();
    expect(await published).toBe('published');
  });

  it('keeps one request in flight and sends what gathered with the next, in order', async () => {
    const { producer, publisher } = setUp();
    const outcomes = ['a', 'b', 'c', 'd'].map((name) => outcome(publisher.publish(event(name))));
    expect(producer.requests).toHaveLength(1);
    producer.answer();
    expect(await outcomes[0]).toBe('published');
    await vi.waitFor(() => expect(producer.requests).toHaveLength(2));
    expect(producer.requests.map(sent)).toEqual([['a'], ['b', 'c', 'd']]);
    outcomes.push(outcome(publisher.publish(event('e'))));
    expect(producer.requests).toHaveLength(2);
    producer.answer();
    await vi.waitFor(() => expect(producer.requests).toHaveLength(3));
    producer.answer();
    expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 5 }, () => 'published'));
    expect(producer.requests.flatMap(sent)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('splits what gathered where a request would become too large', async () => {
    const large = { ...codec, encode: () => Buffer.alloc(200 * 1024) };
    const { producer, publisher } = setUp({ codec: large });
    const outcomes = ['a', 'b', 'c', 'd'].map((name) => outcome(publisher.publish(event(name))));
    for (let request = 1; request <= 3; request += 1) {
      await vi.waitFor(() => expect(producer.requests).toHaveLength(request));
      producer.answer();
    }
    await Promise.all(outcomes);
    expect(producer.requests.map(sent)).toEqual([['a'], ['b', 'c'], ['d']]);
  });

  it('gives each partition its own result', async () => {
    const { producer, publisher } = setUp();
    const first = outcome(publisher.publish(event('x')));
    const names = ['a', 'b', 'c', 'e'];
    const outcomes = names.map((name) => outcome(publisher.publish(event(name))));
    producer.answer();
    await first;
    await vi.waitFor(() => expect(producer.requests).toHaveLength(2));
    producer.answer((records) =>
      confirmed(records).flatMap((result): SendResult[] => {
        if (result.partition === 2) return [{ ...result, result: 'refused', code: 'NO' }];
        return result.partition === 3 ? [] : [result];
      }),
    );
    expect(await Promise.all(outcomes)).toEqual([
      'published',
      'REFUSED none',
      'BROKER_AWAY unknown',
      'published',
    ]);
  });

  it('J3b rejects an unknown result and never sends the record again', async () => {
    const { producer, publisher } = setUp();
    const first = outcome(publisher.publish(event('a')));
    producer.answer(unanswered);
    expect(await first).toBe('BROKER_AWAY unknown');
    const second = outcome(publisher.publish(event('b')));
    await vi.waitFor(() => expect(producer.requests).toHaveLength(2));
    producer.answer(new Error('client broke'));
    expect(await second).toBe('BROKER_AWAY unknown');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(producer.requests.map(sent)).toEqual([['a'], ['b']]);
  });

  it('rejects within its limit, and does not send what was rejected before it was sent', async () => {
    const { producer, publisher } = setUp({ requestTimeoutMs: 5_000 });
    const inFlight = outcome(publisher.publish(event('a')));
    const waiting = outcome(publisher.publish(event('b')));
    await vi.advanceTimersByTimeAsync(4_999);
    const late = outcome(publisher.publish(event('c')));
    await vi.advanceTimersByTimeAsync(1);
    expect(await inFlight).toBe('BROKER_AWAY unknown');
    expect(await waiting).toBe('BROKER_AWAY none');
    producer.answer();
    await vi.waitFor(() => expect(producer.requests).toHaveLength(2));
    producer.answer();
    expect(await late).toBe('published');
    expect(producer.requests.map(sent)).toEqual([['a'], ['c']]);
  });

  it('lets 10,000 events wait and refuses the next', async () => {
    const { producer, publisher } = setUp();
    const inFlight = outcome(publisher.publish(event('a')));
    const waiting = Array.from({ length: 10_000 }, (_, index) =>
      outcome(publisher.publish(event(`w${index}`))),
    );
    expect(await outcome(publisher.publish(event('z')))).toBe('BROKER_AWAY none');
    producer.answer();
    await inFlight;
    while (producer.requests.flatMap(sent).length < 10_001) {
      producer.answer();
      await new Promise(setImmediate);
    }
    producer.answer();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['published']));
  });

  it('rejects a value that misfits its schema, alone', async () => {
    const { producer, publisher } = setUp();
    expect(await outcome(publisher.publish(event('a', 'misfit')))).toBe('INVALID_VALUE');
    const next = outcome(publisher.publish(event('b')));
    producer.answer();
    expect(await next).toBe('published');
  });

  it('B-34 publishes no event type that the catalogue does not know', async () => {
    const { producer, publisher } = setUp();
    const known = event('a');
    const unknown = { ...known, envelope: { ...known.envelope, event_type: 'intent.hack' } };
    expect(await outcome(publisher.publish(unknown))).toBe('UNKNOWN_EVENT_TYPE');
    expect(producer.requests).toHaveLength(0);
  });

  it('closes when all that it took has settled, and takes nothing more', async () => {
    const { producer, publisher } = setUp();
    const outcomes = ['a', 'b'].map((name) => outcome(publisher.publish(event(name))));
    let closed = false;
    const closing = publisher.close().then(() => (closed = true));
    expect(await outcome(publisher.publish(event('c')))).toBe('BROKER_AWAY none');
    producer.answer();
    await vi.waitFor(() => expect(producer.requests).toHaveLength(2));
    expect(closed).toBe(false);
    producer.answer();
    await closing;
    expect(await Promise.all(outcomes)).toEqual(['published', 'published']);
  });

  it('reports the seconds of each answered request', async () => {
    const seconds: number[] = [];
    const { producer, publisher } = setUp({ observeSeconds: (each) => seconds.push(each) });
    const first = outcome(publisher.publish(event('a')));
    producer.answer();
    await first;
    expect(seconds).toHaveLength(1);
  });
});
