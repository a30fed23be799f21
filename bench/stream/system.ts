import { ALL_RECORDS } from '../../apps/records.ts';
import { AvroCodec } from '../../avro/index.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { TOPIC_CONFIGS } from '../../kafka/topics.ts';
import { startBenchSystem } from '../latency/system.ts';
import type { StreamSystem } from './run.ts';

const TOPIC = 'exec';
const TWIN_TOPIC = `twin.${TOPIC}`;

/** Servers, a gateway and the raw twin of the benchmark's own. Throws: as `startBenchSystem`. */
export async function startStreamSystem(
  tell: (line: string) => void,
): Promise<StreamSystem & { stop(): Promise<void> }> {
  const system = await startBenchSystem(tell, { apps: ['gateway'] });
  try {
    const { brokers, partitions } = system.config.kafka;
    const kafka = platformaticClient({ brokers, clientId: 'bench' });
    const admin = kafka.admin();
    const settings = { partitions, replicationFactor: 1, configs: TOPIC_CONFIGS.event };
    await admin.createTopic({ name: TWIN_TOPIC, ...settings });
    await admin.close();
    const twinPort = await system.launch('twin', 'bench/peers/raw-stream.ts', { TWIN_TOPIC });
    const { registryUrl } = system.config.stores;
    const codec = await AvroCodec.start({ registryUrl, subjects: ALL_RECORDS });
    const side = (topic: string, url: string) => ({ kafka, codec, partitions, topic, url });
    return {
      sides: {
        gateway: side(TOPIC, `ws://127.0.0.1:${system.ports.gateway}/stream`),
        twin: side(TWIN_TOPIC, `ws://127.0.0.1:${twinPort}`),
      },
      costs: () => system.costs(),
      stop: () => system.stop(),
    };
  } catch (error) {
    await system.stop();
    throw error;
  }
}
