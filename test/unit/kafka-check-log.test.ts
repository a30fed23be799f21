import { describe, expect, it } from 'vitest';
import { checkLog, LogNotTrustedError } from '../../kafka/check-log.ts';
import type { KafkaAdmin, TopicDescription } from '../../kafka/client.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';

const SOUND = { 'min.insync.replicas': '2', 'unclean.leader.election.enable': 'false' };

function adminOf(replicationFactor: number, configs: Readonly<Record<string, string>>): KafkaAdmin {
  const topic: TopicDescription = {
    name: 'a.journal',
    id: 'id',
    partitions: 4,
    replicationFactor,
    configs,
  };
  return { ...new MemoryKafka().admin(), describeTopics: () => Promise.resolve([topic]) };
}

const check = (admin: KafkaAdmin, singleNode = false) =>
  checkLog(admin, ['a.journal'], { singleNode });

describe('checkLog', () => {
  it('J10 trusts three replicas of which two must have a record', async () => {
    expect(await check(adminOf(3, SOUND))).toEqual([]);
  });

  it.each([
    ['replication factor', 2, SOUND],
    ['min.insync.replicas', 3, { ...SOUND, 'min.insync.replicas': '1' }],
    ['min.insync.replicas', 3, {}],
    ['unclean.leader.election.enable', 3, { ...SOUND, 'unclean.leader.election.enable': 'true' }],
    ['write.caching', 3, { ...SOUND, 'write.caching': 'true' }],
    ['cleanup.policy', 3, { ...SOUND, 'cleanup.policy': 'compact' }],
    ['retention.ms', 3, { ...SOUND, 'retention.ms': '604800000' }],
    ['retention.bytes', 3, { ...SOUND, 'retention.bytes': '1000' }],
    ['segment.bytes', 3, { ...SOUND, 'segment.bytes': '1073741824' }],
  ])('J10 refuses a weak %s (%i replicas, %o)', async (what, replicas, configs) => {
    const refusal = check(adminOf(replicas, configs));
    await expect(refusal).rejects.toBeInstanceOf(LogNotTrustedError);
    await expect(refusal).rejects.toMatchObject({ weaknesses: [{ topic: 'a.journal', what }] });
  });

  it('J10 says what a single node that was accepted gives up', async () => {
    const weaknesses = await check(adminOf(1, { 'min.insync.replicas': '1' }), true);
    expect(weaknesses.map(({ what }) => what)).toEqual([
      'replication factor',
      'min.insync.replicas',
    ]);
  });

  it('J10 refuses a journal that forgets by itself on a single node too', async () => {
    const refusal = check(adminOf(1, { ...SOUND, 'retention.ms': '604800000' }), true);
    await expect(refusal).rejects.toMatchObject({
      weaknesses: [{ what: 'retention.ms', have: '604800000', want: '-1' }],
    });
  });

  it('J10 does not take a journal that is missing for a sound one', async () => {
    const nothing = { ...new MemoryKafka().admin(), describeTopics: () => Promise.resolve([]) };
    await expect(check(nothing, true)).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      canRetry: false,
    });
  });
});
