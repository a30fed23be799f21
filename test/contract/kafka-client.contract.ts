import { describe } from 'vitest';
import { adminContract } from './kafka-client/admin.contract.ts';
import { groupContract } from './kafka-client/group.contract.ts';
import { producerContract } from './kafka-client/producer.contract.ts';
import { readerLossesContract } from './kafka-client/reader-losses.contract.ts';
import { readerContract } from './kafka-client/reader.contract.ts';
import { restartContract } from './kafka-client/restart.contract.ts';
import { type MakeClient, Rig } from './kafka-client/rig.ts';

/**
 * What every adapter of the Kafka client port does, on a real broker and through a fault proxy.
 *
 * Source: J3-J5a, F1, F2, F9, F10, F13, F25.
 */
export function kafkaClientContract(name: string, makeClient: MakeClient): void {
  const withRig = (body: (rig: Rig) => Promise<void>) => async (): Promise<void> => {
    const rig = new Rig(makeClient, process.env['KAFKA_BROKERS'] ?? '');
    try {
      await body(rig);
    } finally {
      await rig.end();
    }
  };
  describe(`Kafka client ${name}`, () => {
    producerContract(withRig);
    readerContract(withRig);
    readerLossesContract(withRig);
    groupContract(withRig);
    adminContract(withRig);
    restartContract(makeClient);
  });
}
