import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTopologyFile } from '../../apps/topology-file.ts';
import { runCommand } from '../../cli/main.ts';
import { AvroCodec, eventHeaders } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { FetchedRecord, KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import { TopologyProcess } from '../support/topology-process.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FILE = join(ROOT, 'examples', 'accounts.ts');
const PREFIX = `topology-file-${process.pid}.`;
const PARTITIONS = 4;
const ends: (() => Promise<unknown> | void)[] = [];

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** `millrace run --topology`, in a process of its own; resolves when its tasks run. */
async function runFile(): Promise<() => Promise<unknown>> {
  const running = new TopologyProcess(FILE, { TOPIC_PREFIX: PREFIX });
  const stop = (): Promise<unknown> => running.end();
  ends.push(stop);
  await running.healthy();
  return stop;
}

/** `millrace accept-loss`, about the task of key a. */
async function acceptLoss(...args: readonly string[]): Promise<readonly [number, string]> {
  const said: string[] = [];
  const task = String(partitionOf(Buffer.from('a'), PARTITIONS));
  const code = await runCommand(
    ['accept-loss', 'example.accounts', task, '--topology', FILE, ...args],
    {
      out: (line) => void said.push(line),
      err: (line) => void said.push(line),
      env: { ...process.env, TOPIC_PREFIX: PREFIX },
    },
  );
  return [code, said.join('\n')];
}

function posted(account: string, id: string, cents: number): EventRecord {
  return {
    envelope: {
      event_id: id,
      family: 'SYSTEM',
      event_type: 'account.posted',
      event_version: 1,
      occurred_at: 1,
      correlation_id: account,
      causation_id: null,
      sequence: null,
      producer: 'test',
      priority: 'normal',
      trace_id: null,
    },
    payload: { cents },
    payload_extra: {},
    raw: null,
  };
}

async function readAll(kafka: KafkaClient, topic: string): Promise<readonly FetchedRecord[]> {
  const reader = kafka.reader();
  const positions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: PREFIX + topic,
    partition,
    offset: 0,
  }));
  const fetched = await reader.fetch(positions, { maxWaitMs: 500 });
  await reader.close();
  return fetched.flatMap(({ records }) => records);
}

describe('a topology in a file of its own', () => {
  it('runs beside the system: its topics are made, its events handled, its read model kept', async () => {
    const { records, schemas } = await loadTopologyFile(FILE);
    const registryUrl = process.env['SCHEMA_REGISTRY_URL'] ?? '';
    const options = { registryUrl, topicPrefix: PREFIX, subjects: records, schemas };
    const codec = await AvroCodec.start(options);
    const stop = await runFile();
    const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
    const kafka = platformaticClient({ brokers, clientId: 'accounts' });
    const producer = kafka.producer();
    ends.push(() => producer.close());
    const post = async (account: string, id: string, cents: number): Promise<void> => {
      const event = posted(account, id, cents);
      const key = Buffer.from(account);
      const value = codec.encode('accounts', 'examples.accounts.v1.Posted', event);
      const headers = eventHeaders(event.envelope);
      const partition = partitionOf(key, PARTITIONS);
      const topic = `${PREFIX}accounts`;
      const [result] = await producer.send([{ topic, partition, key, value, headers }]);
      expect(result?.result).toBe('confirmed');
    };
    await post('a', '1', 500);
    await post('b', '2', 50);
    await post('a', '3', -700);
    await post('a', '3', -700);
    await post('b', '4', 1);
    const balances = async (): Promise<Record<string, unknown>> => {
      const all = await readAll(kafka, 'rm.account');
      return Object.fromEntries(
        all.map(({ key, value }) => [
          Buffer.from(key ?? []).toString(),
          codec.decode(value ?? Buffer.alloc(0)).value,
        ]),
      );
    };
    await eventually('all balances stand', async () =>
      JSON.stringify(await balances()).includes('51'),
    );
    expect(await balances()).toEqual({ a: { cents: -200 }, b: { cents: 51 } });
    const alarms = (await readAll(kafka, 'accounts'))
      .filter(({ headers }) => headers['event_type'] === 'account.overdrawn')
      .map(({ headers }) => headers['causation_id']);
    expect(alarms).toEqual(['3']);

    // An operator's word about what a topic has lost, by the registry's schemas.
    expect((await acceptLoss('--yes'))[0]).toBe(1);
    expect((await acceptLoss('--from', 'middle'))[0]).toBe(2);
    await stop();
    const admin = kafka.admin();
    ends.push(() => admin.close());
    await admin.deleteTopics([`${PREFIX}accounts`]);
    const topic = { name: `${PREFIX}accounts`, partitions: PARTITIONS, replicationFactor: 1 };
    await eventually('the topic is made anew', () =>
      admin.createTopic({ ...topic, configs: {} }).then(
        () => true,
        () => false,
      ),
    );
    expect(await acceptLoss()).toEqual([0, expect.stringContaining('Nothing was changed.')]);
    expect(await acceptLoss('--yes')).toEqual([0, expect.stringContaining('given up: whatever')]);
    expect((await acceptLoss('--yes'))[0]).toBe(1);
  });

  it('says what is wrong with a file', async () => {
    await expect(loadTopologyFile('nowhere.ts')).rejects.toThrow('nowhere.ts cannot be loaded');
    const config = join(ROOT, 'vitest.config.ts');
    await expect(loadTopologyFile(config)).rejects.toThrow(/exports no 'topology'/);
  });
});
