import { Admin, Producer, stringSerializers } from '@platformatic/kafka';
import { randomUUID } from 'node:crypto';

/**
 * Writes values to partition 0 in a transaction of a stranger: the port has none, but others leave their markers
 * in topics that we read.
 */
export async function writeTransaction(
  broker: string,
  topic: string,
  values: readonly string[],
  end: 'commit' | 'abort' = 'commit',
): Promise<void> {
  const producer = new Producer({
    clientId: 'stranger',
    bootstrapBrokers: [broker],
    idempotent: true,
    transactionalId: randomUUID(),
    serializers: stringSerializers,
    // The coordinator's topic may still be made.
    retries: 20,
    retryDelay: 100,
  });
  const transaction = await producer.beginTransaction();
  await transaction.send({
    messages: values.map((value) => ({ topic, partition: 0, key: 'k', value })),
  });
  await transaction[end]();
  await producer.close();
}

/** Takes a member out of its group, which then knows it no more: so it is too after a long pause of its process. */
export async function evict(broker: string, groupId: string, memberId: string): Promise<void> {
  const admin = new Admin({ clientId: 'stranger', bootstrapBrokers: [broker] });
  await admin.removeMembersFromConsumerGroup({ groupId, members: [{ memberId }] });
  await admin.close();
}
