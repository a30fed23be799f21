import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AvroCodec,
  moduleRecords,
  type NamedSchema,
  newEvent,
  type TopologyModule,
} from '../../avro/index.ts';
import { buildTopology } from '../../engine/topology.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { kept, replayed } from '../support/replayed-state.ts';
import { importFromRoot, topologyFiles } from '../support/topology-files.ts';

const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: fc.string({ maxLength: 20 }),
  int: fc.integer({ min: -1_000, max: 1_000 }),
  long: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  boolean: fc.boolean(),
};

/** Any payload of an event's record. */
function payloads(schemas: readonly NamedSchema[], record: string): fc.Arbitrary<object> {
  const schema = schemas.find((each) => `${each.namespace}.${each.name}` === record);
  const payload = schema?.fields?.find(({ name }) => name === 'payload')?.type as NamedSchema;
  return fc.record(
    Object.fromEntries(
      (payload.fields ?? []).map(({ name, type }) => {
        const value = VALUES[type as string];
        if (value === undefined) throw new Error(`Say what values of ${String(type)} may be.`);
        return [name, value];
      }),
    ),
  );
}

const FILES = topologyFiles().filter(({ isModule }) => isModule);

describe('topologies in files of their own', () => {
  it('are found', () => {
    expect(FILES.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['bench/chain/topology.ts', 'examples/accounts.ts']),
    );
  });

  it.each(FILES)(
    'J7 J8 are rebuilt from their journals byte for byte ($path)',
    async ({ path }) => {
      const module = (await importFromRoot(path)) as TopologyModule;
      const topology = buildTopology(module.topology);
      const codec = AvroCodec.offline(moduleRecords(module));
      const taken = [...topology.consumers.keys()].map((type) => topology.events.get(type));
      const events = fc.oneof(
        ...taken.flatMap((event) =>
          event === undefined
            ? []
            : payloads((module.schemas ?? []) as readonly NamedSchema[], event.record).map(
                (payload) => ({ event, payload }),
              ),
        ),
      );
      const key = fc.constantFrom('a', 'b', 'c');
      let emitted = 0;
      fc.assert(
        fc.property(fc.array(fc.tuple(key, events), { minLength: 1, maxLength: 30 }), (moves) => {
          const driver = new TopologyDriver({ topology, codec });
          for (const [correlationId, { event, payload }] of moves)
            driver.publish(newEvent(event, payload, { correlationId }));
          expect(kept(replayed(codec, topology, driver.batches))).toBe(kept(driver.state));
          emitted += driver.outputs.length;
        }),
        { numRuns: 50 },
      );
      expect(emitted).toBeGreaterThan(0);
    },
  );
});
