import { expect, it } from 'vitest';
import type { LogSession } from '../../cli/log/log-session.ts';
import { Remaker, toldModels } from '../../cli/replay/remake.ts';
import type { ReplayedRecord } from '../../cli/replay/replayed-events.ts';
import { AvroCodec, CATALOGUE_RECORDS, eventDefinition, eventHeaders } from '../../avro/index.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { coordinatorTopology } from '../../topologies/coordinator.ts';
import { lifeOf } from '../support/intent-life.ts';

const PARTITIONS = 4;
const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });
const topology = coordinatorTopology({ reorderWaitMs: 1_000 });
const session = { codec } as unknown as LogSession;
const lives = Array.from({ length: 9 }, (_, at) =>
  lifeOf(`i${at}`, { strategyId: `desk-${at % 2}`, failed: at % 3 === 0 }),
);

function recordsOf(life: (typeof lives)[number]): readonly ReplayedRecord[] {
  return life.map((event) => {
    const { topic, record } = eventDefinition(event.envelope.event_type);
    const { correlation_id: correlationId, sequence, occurred_at: time } = event.envelope;
    const key = Buffer.from(correlationId);
    const value = codec.encode(topic, record, event);
    const partition = partitionOf(key, PARTITIONS);
    const at = { topic, partition, offset: 0, timestampMs: Math.floor(time / 1000) };
    return { ...at, key, value, headers: eventHeaders(event.envelope), correlationId, sequence };
  });
}

/** The newest form of each positions model, remade with some lives on each page. */
async function remade(pages: readonly (readonly (typeof lives)[number][])[]) {
  const remaker = new Remaker(session, topology, PARTITIONS);
  const sums: Record<string, string> = {};
  for (const page of pages) {
    const { told } = await remaker.page(page.flatMap(recordsOf));
    for (const { key, value } of await remaker.tell(told)) sums[key] = JSON.stringify(value);
  }
  return sums;
}

it('B-70 B-109 makes positions again, whatever stands on which page, byte for byte', async () => {
  const driver = new TopologyDriver({ topology, codec });
  for (const event of lives.flat()) driver.publish(event);
  const live: Record<string, string> = {};
  for (const { key, value } of driver.on('rm.positions')) live[key] = JSON.stringify(value);
  expect(Object.keys(live)).toEqual(['desk-0', 'desk-1']);
  expect(await remade([lives])).toEqual(live);
  expect(await remade(lives.toReversed().map((life) => [life]))).toEqual(live);
  expect(toldModels(topology)).toEqual(['rm.positions']);
});
