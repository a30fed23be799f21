import { Agent, request } from 'node:http';
import {
  type AvroCodec,
  createUlidGenerator,
  envelope,
  eventDefinition,
  eventHeaders,
  newCorrelationId,
} from '../../avro/index.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { VoidRunError } from './audit.ts';

/** Where intents go in. */
export interface Intake {
  /**
   * Sends one sound intent; resolves with its correlation when it was taken.
   *
   * Throws: VoidRunError when it was not.
   */
  send(): Promise<string>;
  close(): Promise<void>;
}

const ORDER = {
  strategyId: 'bench',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '0.1',
  notional_usd: '300',
  max_slippage: '0.01',
};
const SOCKETS = 64;
const SUBMITTED = eventDefinition('intent.submitted');

/** POST /intents over kept connections, with the plain HTTP client of Node. */
export function httpIntake(url: string): Intake {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  const body = Buffer.from(JSON.stringify(ORDER));
  return {
    send: async () => newCorrelationId(await post(`${url}/intents`, agent, body)),
    close: async () => agent.destroy(),
  };
}

/** The same event put on a topic by a plain producer, one request an intent. */
export function directIntake(options: {
  readonly kafka: KafkaClient;
  readonly codec: AvroCodec;
  readonly topic: string;
  readonly partitions: number;
}): Intake {
  const { kafka, codec, topic, partitions } = options;
  const producer = kafka.producer();
  const ids = createUlidGenerator();
  return {
    send: async () => {
      const intentId = crypto.randomUUID();
      const correlationId = newCorrelationId(intentId);
      const payload = { intentId, ...ORDER, priority: 5, metadata: null };
      const about = { correlationId, sequence: 1, producer: 'bench', eventId: ids.next() };
      const event = envelope(SUBMITTED.type, payload, about);
      const key = Buffer.from(correlationId);
      const record = {
        topic,
        partition: partitionOf(key, partitions),
        key,
        value: codec.encode(SUBMITTED.topic, SUBMITTED.record, event),
        headers: eventHeaders(event.envelope),
      };
      const [result] = await producer.send([record]);
      if (result?.result === 'confirmed') return correlationId;
      throw new VoidRunError(`${topic} did not take an intent: ${result?.code}: the run is void.`);
    },
    close: () => producer.close(),
  };
}

function post(url: string, agent: Agent, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.byteLength };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 202)
          return resolve((JSON.parse(text) as { readonly intent_id: string }).intent_id);
        const what = `POST /intents answered ${response.statusCode}: ${text}`;
        reject(new VoidRunError(`${what}: the run is void.`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
