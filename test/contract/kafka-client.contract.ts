import { describe } from 'vitest';
import type { KafkaClient } from '../../kafka/client.ts';
import { adminContract } from './kafka-client/admin.contract.ts';
import { groupContract } from './kafka-client/group.contract.ts';
import { producerContract } from './kafka-client/producer.contract.ts';
import { readerLossesContract } from './kafka-client/reader-losses.contract.ts';
import { readerContract } from './kafka-client/reader.contract.ts';
import { restartContract } from './kafka-client/restart.contract.ts';
import { type MakeClient, Rig, type Setup } from './kafka-client/rig.ts';

/**
 * What every adapter of the Kafka client port does, on a real broker and through a fault proxy.
 *
 * Source: J3-J5a, F1, F2, F9, F10, F13, F25.
 */
export function kafkaClientContract(name: string, makeClient: MakeClient): void {
  const broker = process.env['KAFKA_BROKERS'] ?? '';
  portContract(
    name,
    setupOf(() => new Rig(makeClient, broker)),
  );
  describe(`Kafka client ${name}`, () => restartContract(makeClient));
}

/** What of it needs no broker to be disturbed, of a client that has none: all of its clients are one and the same log. */
export function memoryLogContract(name: string, makeClient: () => KafkaClient): void {
  const rigOf = (): Rig => {
    const client = makeClient();
    return new Rig(() => client, '');
  };
  portContract(name, { ...setupOf(rigOf), hasNetwork: false });
}

function setupOf(makeRig: () => Rig): Setup {
  const withRig: Setup['withRig'] = (body) => async () => {
    const rig = makeRig();
    try {
      await body(rig);
    } finally {
      await rig.end();
    }
  };
  return { withRig, hasNetwork: true };
}

function portContract(name: string, setup: Setup): void {
  describe(`Kafka client ${name}`, () => {
    producerContract(setup);
    readerContract(setup);
    readerLossesContract(setup);
    groupContract(setup);
    adminContract(setup);
  });
}
