import { envelope, eventDefinition, eventHeaders, type AvroCodec } from '../../avro/index.ts';
import type { KafkaClient, RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { VoidRunError } from '../latency/audit.ts';
import { openLoop } from '../latency/open-loop.ts';
import { COMMON_TYPE, correlationOf, OWN_TYPE, sharedClockMs } from './clients.ts';

/** Where events go, and who listens there. */
export interface LoadTarget {
  readonly kafka: KafkaClient;
  readonly codec: AvroCodec;
  /** Physical name. */
  readonly topic: string;
  readonly partitions: number;
  readonly listening: number;
}

/**
 * `own`: each event is for one listener, and they have their turns; `common`: each is for all of them. As many frames a second
 * either way.
 */
export type Wanted = 'own' | 'common';

/** What is due within so long goes to the broker at once, as the outputs of a batch do. */
const TICK_MS = 5;

export interface Published {
  readonly events: number;
  /** From when each request was due to its start, which the latencies of its events hold. Units: ms. */
  readonly latenessMs: readonly number[];
}

/**
 * Puts events on a topic, open loop, each with the time at which it was due. Resolves when all are acknowledged.
 *
 * Throws: VoidRunError when one is not.
 */
export async function publishEvents(
  target: LoadTarget,
  load: { readonly wanted: Wanted; readonly framesPerSecond: number; readonly seconds: number },
): Promise<Published> {
  const { wanted, framesPerSecond, seconds } = load;
  const { kafka, listening } = target;
  const eventsPerSecond = wanted === 'own' ? framesPerSecond : framesPerSecond / listening;
  const rate = Math.min(1_000 / TICK_MS, eventsPerSecond);
  const each = Math.max(1, Math.round(eventsPerSecond / rate));
  const count = Math.max(1, Math.round(rate * seconds));
  const producer = kafka.producer();
  const sends: Promise<unknown>[] = [];
  const latenessMs: number[] = [];
  try {
    await openLoop({ rate, count }, (tick, dueAt) => {
      const late = performance.now() - dueAt;
      const due = sharedClockMs() - late;
      latenessMs.push(late);
      const records = Array.from({ length: each }, (_, at) =>
        recordOf(target, { wanted, mark: tick * each + at, due }),
      );
      const sent = producer.send(records).then((results) => {
        const failed = results.find(({ result }) => result !== 'confirmed');
        if (failed !== undefined)
          throw new VoidRunError(`${failed.topic} did not take an event: the run is void.`);
      });
      sent.catch(() => undefined);
      sends.push(sent);
    });
    await Promise.all(sends);
    return { events: count * each, latenessMs };
  } finally {
    await producer.close();
  }
}

function recordOf(
  { codec, topic, partitions, listening }: LoadTarget,
  about: { readonly wanted: Wanted; readonly mark: number; readonly due: number },
): RecordToSend {
  const { wanted, mark, due } = about;
  const type = wanted === 'own' ? OWN_TYPE : COMMON_TYPE;
  const definition = eventDefinition(type);
  const correlationId = wanted === 'own' ? correlationOf(mark % listening) : `common-${mark}`;
  const ids = { planId: String(due), intentId: String(mark), stepIndex: 0 };
  const payload =
    wanted === 'own'
      ? { ...ids, amountOut: '250.123456', txHash: `0x${'ab'.repeat(32)}` }
      : { ...ids, reason: 'Transaction was reverted by the chain.', code: 'TX_REVERTED' };
  const event = envelope(type, payload, { correlationId, sequence: 1, producer: 'bench' });
  const key = Buffer.from(correlationId);
  return {
    topic,
    partition: partitionOf(key, partitions),
    key,
    value: codec.encode(definition.topic, definition.record, event),
    // The raw twin knows no schemas.
    headers: { ...eventHeaders(event.envelope), due: ids.planId, mark: ids.intentId },
  };
}
