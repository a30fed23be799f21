// The chain on Restate: its server, started here on free ports, reads the topic by a subscription and hands each record to a
// virtual object of the record's key. The object keeps a count for each step; its outputs are written inside of ctx.run, which
// is what its documentation has for the outside: journalled when it has succeeded, run again when nobody knows.
// A subscription hands on a record's place and time but none of its headers, so the first handler decodes the value for them.
// `fused`: one handler does all steps and writes their outputs in one run. `split`: an object for each step, each sends to the
// next one durably.
// Settings: KAFKA_BROKERS, SCHEMA_REGISTRY_URL, TOPIC_PREFIX, STATE_FOLDER, PEERS_FOLDER, PARTITIONS, WORK (chain, count), VARIANT
// (fused, split).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http2';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Producer, stringSerializer } from '@platformatic/kafka';
import { AvroCodec, extendSchemas, loadSchemas } from '../../avro/index.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import * as chainWork from '../chain/topology.ts';
import { INPUT_TOPIC } from '../chain/work.ts';

const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '', TOPIC_PREFIX = '' } = process.env;
const {
  STATE_FOLDER = '',
  PEERS_FOLDER = '',
  PARTITIONS = '4',
  WORK = 'chain',
  VARIANT = 'fused',
} = process.env;
const require = createRequire(join(PEERS_FOLDER, 'package.json'));
const sdk = await import(pathToFileURL(require.resolve('@restatedev/restate-sdk')).href);
const LONGEST_START_MS = 60_000;

const steps = WORK === 'count' ? ['counted'] : ['checked', 'accepted', 'planned'];
const runs = VARIANT === 'split' ? steps.map((step) => [step]) : [steps];
const nameOf = (run) => run.join('-');
const brokers = KAFKA_BROKERS.split(',');

const producer = new Producer({
  clientId: 'restate-chain',
  bootstrapBrokers: brokers,
  serializers: { headerKey: stringSerializer, headerValue: stringSerializer },
});
let waiting = [];
let isSending = false;

/** What the handlers of a moment want to write goes in one request; settles when the broker has it. */
function write(messages) {
  const written = Promise.withResolvers();
  waiting.push({ messages, written });
  if (!isSending) setImmediate(sendAll);
  isSending = true;
  return written.promise;
}

async function sendAll() {
  while (waiting.length > 0) {
    const batch = waiting;
    waiting = [];
    const sent = producer.send({ acks: -1, messages: batch.flatMap(({ messages }) => messages) });
    await sent.then(
      () => batch.forEach(({ written }) => written.resolve()),
      (error) => batch.forEach(({ written }) => written.reject(error)),
    );
  }
  isSending = false;
}

const codec = await AvroCodec.start({
  registryUrl: SCHEMA_REGISTRY_URL,
  subjects: [{ topic: INPUT_TOPIC, record: 'millrace.bench.v1.Submitted' }],
  schemas: extendSchemas(loadSchemas(), chainWork.schemas),
});

/** What an input carries on, as its headers say it too. */
function headersOf(value) {
  const { event_id, correlation_id, sequence, trace_id } = codec.decode(value).value.envelope;
  const traceparent = `00-${trace_id}-${'1'.padStart(16, '0')}-00`;
  return { event_id, correlation_id, sequence, traceparent };
}

/** The headers of a step's output. */
function passedOn(step, given, count) {
  const cause = given.event_id;
  return {
    event_id: `${cause}.${step[0]}`,
    event_type: `chain.${step}`,
    correlation_id: given.correlation_id,
    causation_id: cause,
    sequence: String(Number(given.sequence) + 1),
    traceparent: given.traceparent,
    ...(step === 'counted' ? { count: String(count) } : {}),
  };
}

const handlerOf = (run, next) => async (ctx, value) => {
  const key = Buffer.from(ctx.key);
  const partition = partitionOf(key, Number(PARTITIONS));
  const given = Object.fromEntries(ctx.request().headers);
  let headers = given.event_id === undefined ? headersOf(value) : given;
  const outputs = [];
  for (const step of run) {
    const count = ((await ctx.get(step)) ?? 0) + 1;
    ctx.set(step, count);
    headers = passedOn(step, headers, count);
    outputs.push({ topic: `${TOPIC_PREFIX}chain.${step}`, partition, key, value, headers });
  }
  await ctx.run('write', () => write(outputs));
  if (next !== undefined)
    ctx.genericSend({
      ...{ service: nameOf(next), method: 'take', key: ctx.key, parameter: value, headers },
      inputSerde: sdk.serde.binary,
    });
};

const services = runs.map((run, index) =>
  sdk.object({
    name: nameOf(run),
    handlers: {
      take: sdk.handlers.object.exclusive(
        { input: sdk.serde.binary, output: sdk.serde.empty },
        handlerOf(run, runs[index + 1]),
      ),
    },
  }),
);
const endpoint = createServer(
  sdk.createEndpointHandler({ services, logger: () => undefined }),
).listen(0, '127.0.0.1');
await once(endpoint, 'listening');

const [admin, ingress, fabric] = await freePorts(3);
const configFile = join(STATE_FOLDER, 'restate.toml');
await mkdir(STATE_FOLDER, { recursive: true });
await writeFile(
  configFile,
  `base-dir = "${join(STATE_FOLDER, 'data')}"
node-name = "bench"
listen-mode = "tcp"
bind-address = "127.0.0.1:${fabric}"
advertised-address = "http://127.0.0.1:${fabric}"
log-filter = "warn"
disable-telemetry = true

[admin]
bind-address = "127.0.0.1:${admin}"
advertised-address = "http://127.0.0.1:${admin}"

[ingress]
bind-address = "127.0.0.1:${ingress}"
advertised-address = "http://127.0.0.1:${ingress}"

[[ingress.kafka-clusters]]
name = "bench"
brokers = [${brokers.map((broker) => `"PLAINTEXT://${broker}"`).join(', ')}]
`,
);
const server = spawn(
  require.resolve(
    `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  ),
  ['--no-logo', '--config-file', configFile],
  { stdio: 'inherit' },
);
let isEnding = false;
server.once('exit', (code) => process.exit(isEnding ? 0 : (code ?? 1)));
process.once('SIGTERM', () => {
  isEnding = true;
  server.kill('SIGTERM');
});

/** Asks the server's admin until it takes what it is asked. Throws: Error with its last answer. */
async function ask(path, body) {
  const deadline = performance.now() + LONGEST_START_MS;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${admin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).catch((error) => error);
    if (answer.ok) return;
    if (performance.now() > deadline)
      throw new Error(`${path}: ${answer.message ?? (await answer.text())}`);
    await pause(50);
  }
}

await ask('/deployments', { uri: `http://127.0.0.1:${endpoint.address().port}` });
await ask('/subscriptions', {
  source: `kafka://bench/${TOPIC_PREFIX}chain.submitted`,
  sink: `service://${nameOf(runs[0])}/take`,
  options: {
    'group.id': `${TOPIC_PREFIX}restate`,
    'auto.offset.reset': 'earliest',
    'session.timeout.ms': '6000',
    'heartbeat.interval.ms': '2000',
    'fetch.wait.max.ms': '100',
  },
});
