import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { record, type Setup, timed } from './rig.ts';

export function adminTopics({ withRig }: Setup): void {
  it(
    'creates, describes, lists and changes topics, and says that one is there already',
    withRig(async (rig) => {
      const admin = rig.admin();
      const name = await rig.topic(3, { 'cleanup.policy': 'compact' });
      const missing = 'contract-no-such-topic';
      const [described, ...others] = await admin.describeTopics([name, missing]);
      expect(others).toEqual([]);
      expect(described).toMatchObject({ name, partitions: 3, replicationFactor: 1 });
      expect(described?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      expect(described?.configs['cleanup.policy']).toBe('compact');
      expect(await admin.describeTopics([])).toEqual([]);
      const listed = await admin.listTopics();
      expect(listed).toContain(name);
      expect(listed).not.toContain(missing);
      const again = { name, partitions: 3, replicationFactor: 1, configs: {} };
      await expect(admin.createTopic(again)).rejects.toMatchObject({
        name: 'KafkaError',
        code: 'TOPIC_ALREADY_EXISTS',
        canRetry: false,
      });
      await admin.alterTopicConfigs(name, { 'retention.ms': '12345' });
      await eventually('the change is seen', async () => {
        const [changed] = await admin.describeTopics([name]);
        return changed?.configs['retention.ms'] === '12345';
      });
      const [changed] = await admin.describeTopics([name]);
      expect(changed?.configs['cleanup.policy']).toBe('compact');
      await expect(admin.alterTopicConfigs(name, { 'retention.ms': 'soon' })).rejects.toMatchObject(
        { code: 'INVALID_CONFIG', canRetry: false },
      );
      await admin.deleteTopics([name]);
      await eventually('it is gone', async () => !(await admin.listTopics()).includes(name));
      await expect(admin.deleteTopics([missing])).rejects.toMatchObject({
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
      });
    }),
  );

  it(
    'J9 tells start and end of each partition, and deletes below an offset',
    withRig(async (rig) => {
      const admin = rig.admin();
      const topic = await rig.topic(3);
      await rig
        .producer()
        .send(Array.from({ length: 10 }, () => record(topic, 'x', { partition: 1 })));
      const nothing = { start: 0, end: 0 };
      expect(await admin.offsets(topic)).toEqual([nothing, { start: 0, end: 10 }, nothing]);
      await admin.deleteRecords(topic, 1, 4);
      expect((await admin.offsets(topic))[1]).toEqual({ start: 4, end: 10 });
      await admin.deleteRecords(topic, 1, 2);
      expect((await admin.offsets(topic))[1]).toEqual({ start: 4, end: 10 });
      // -1 would be all of it.
      await expect(admin.deleteRecords(topic, 1, -1)).rejects.toMatchObject({ name: 'KafkaError' });
      await expect(admin.deleteRecords(topic, 1, 11)).rejects.toMatchObject({
        code: 'OFFSET_OUT_OF_RANGE',
      });
      expect((await admin.offsets(topic))[1]).toEqual({ start: 4, end: 10 });
      await expect(admin.offsets('contract-no-such-topic')).rejects.toMatchObject({
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
      });
    }),
  );
}

export function adminGroups({ withRig }: Setup): void {
  it(
    'J4 lists groups with their state, and what they have committed',
    withRig(async (rig) => {
      const admin = rig.admin();
      const topic = await rig.topic();
      const groupId = `contract-${randomUUID()}`;
      expect(await admin.groupOffsets(groupId)).toEqual([]);
      const member = rig.member({ topic, groupId });
      await member.has([0]);
      const state = async () => (await admin.listGroups()).find(({ id }) => id === groupId)?.state;
      await eventually('it is stable', async () => (await state())?.toUpperCase() === 'STABLE');
      await member.membership.commit([{ topic, partition: 0, offset: 3, leaderEpoch: 0 }]);
      expect(await admin.groupOffsets(groupId)).toEqual([{ topic, partition: 0, offset: 3 }]);
      await member.membership.close('leave');
      await eventually('it is empty', async () => (await state())?.toUpperCase() === 'EMPTY');
      expect(await admin.groupOffsets(groupId)).toEqual([{ topic, partition: 0, offset: 3 }]);
    }),
  );
}

export function adminPings({ withRig }: Setup): void {
  it(
    'F25 pings within its limit, whether the broker is there, silent or away',
    withRig(async (rig) => {
      const proxy = await rig.proxy();
      const admin = rig.admin({ proxy });
      const limitMs = 700;
      const failsInTime = async (): Promise<void> => {
        const tookMs = await timed(() =>
          expect(admin.ping(limitMs)).rejects.toMatchObject({ name: 'KafkaError', canRetry: true }),
        );
        expect(tookMs).toBeLessThan(limitMs + 4_000);
      };
      const recovers = () =>
        eventually('it answers', () =>
          admin.ping(limitMs).then(
            () => true,
            () => false,
          ),
        );
      await recovers();
      proxy.stall();
      await failsInTime();
      proxy.resume();
      await recovers();
      await proxy.refuse();
      proxy.resetAll();
      await eventually('it is away', () =>
        admin.ping(limitMs).then(
          () => false,
          () => true,
        ),
      );
      await failsInTime();
      await expect(admin.listTopics()).rejects.toMatchObject({ code: 'NETWORK', canRetry: true });
      await proxy.accept();
      await recovers();
    }),
  );
}

export function adminContract(setup: Setup): void {
  describe('admin and topics', () => adminTopics(setup));
  describe('admin and groups', () => adminGroups(setup));
  if (setup.hasNetwork) describe('admin and pings', () => adminPings(setup));
}
