import { traceparentOf } from '../engine/traceparent.ts';
import type { SinkTarget } from '../kafka/sink.ts';
import type { Tracing } from './tracing.ts';

/** The same store, each record of a trace a span from the begin of its batch until the store has it. */
export function tracedSink(target: SinkTarget, tracing: Tracing): SinkTarget {
  const { name, topics, mayStartLate } = target;
  return {
    ...{ name, topics, mayStartLate },
    positions: (partitions) => target.positions(partitions),
    async write(records, moves) {
      const startedAt = performance.now();
      await target.write(records, moves);
      const seconds = (performance.now() - startedAt) / 1000;
      for (const { topic, partition, offset, headers } of records) {
        const attributes = { sink: name, topic, partition, offset };
        const step = { name: `store ${topic}`, kind: 'consumer', seconds, attributes } as const;
        tracing.leaf(traceparentOf(headers), step);
      }
    },
  };
}
