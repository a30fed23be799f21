import { once } from 'node:events';
import { Registry } from 'prom-client';
import { botMetrics, botObserver } from '../../apps/bot-metrics.ts';
import { botSink } from '../../apps/bot-sink.ts';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { BotStore, Database } from '../../connectors/postgres/index.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { Sink } from '../../kafka/sink.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import type { StorePlace } from './store.ts';

/** The sink of bots as the coordinator runs it, metrics included, in a process of its own; runs until it is ended. */
const { broker, registryUrl, databaseUrl, prefix, partitions } = JSON.parse(
  process.argv[2] ?? '{}',
) as StorePlace;
const kafka = platformaticClient({ brokers: [broker], clientId: 'bench-sink' });
const names = new TopicNames(prefix);
const codec = await AvroCodec.start({ registryUrl, topicPrefix: prefix, subjects: BOT_RECORDS });
const store = new BotStore(new Database(databaseUrl));
const say = (fields: object, message: string): void => console.error(message, fields);
const log = { info: say, warn: say, error: say };
const observer = botObserver(botMetrics([new Registry()]), () => Date.now() * 1000);
const target = botSink({ store, codec, producer: kafka.producer(), names, observer, log });
const own = Array.from({ length: partitions }, (_, partition) => partition);
const sink = new Sink({ target, reader: kafka.reader(), names, partitions: own, log });
process.once('SIGTERM', () => void sink.stop().then(() => process.exit(0)));
process.stdout.write('running\n');
await once(process, 'never');
