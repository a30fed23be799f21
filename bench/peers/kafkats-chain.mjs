// The chain on @kafkats/flow, exactly once: an aggregate with a store of its own for each step. Its language has no access to
// headers and no processor of one's own, so the aggregate keeps the value beside the count to have it to pass on; headers go
// through as they came. Runs in the folder of the peers' packages (bench/peers/set-up.mjs).
// Settings: KAFKA_BROKERS, TOPIC_PREFIX, STATE_FOLDER, PEERS_FOLDER, COMMIT_MS, WORK (chain, count), VARIANT (fused, split).
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { KAFKA_BROKERS = '', TOPIC_PREFIX = '', STATE_FOLDER = '', PEERS_FOLDER = '' } = process.env;
const { COMMIT_MS = '100', WORK = 'chain', VARIANT = 'fused' } = process.env;
const require = createRequire(join(PEERS_FOLDER, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { KafkaClient } = await load('@kafkats/client');
const { flow, string, buffer } = await load('@kafkats/flow');
const { lmdb } = await load('@kafkats/flow-state-lmdb');

const COUNT_BYTES = 8;
const steps = WORK === 'count' ? ['counted'] : ['checked', 'accepted', 'planned'];
const key = string();
const value = buffer();
const tally = {
  encode: ({ count, bytes }) => {
    const all = Buffer.alloc(COUNT_BYTES + bytes.length);
    all.writeDoubleBE(count);
    bytes.copy(all, COUNT_BYTES);
    return all;
  },
  decode: (all) => ({ count: all.readDoubleBE(), bytes: all.subarray(COUNT_BYTES) }),
};

const topicOf = (step) => `${TOPIC_PREFIX}chain.${step}`;
const runs = VARIANT === 'split' ? steps.map((step) => [step]) : [steps];
const apps = runs.map((run, index) => {
  const client = new KafkaClient({ brokers: KAFKA_BROKERS.split(','), clientId: 'chain' });
  const app = flow({
    client,
    applicationId: `${TOPIC_PREFIX}kafkats${VARIANT === 'split' ? `.${run[0]}` : ''}`,
    processingGuarantee: 'exactly_once',
    commitIntervalMs: Number(COMMIT_MS),
    stateStoreProvider: lmdb({ stateDir: STATE_FOLDER }),
    changelog: { replicationFactor: 1 },
    consumer: { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 2_000, maxWaitMs: 100 },
  });
  const source = topicOf(VARIANT === 'split' ? ['submitted', ...steps][index] : 'submitted');
  let stream = app.stream(source, { key, value, offsetReset: 'earliest' });
  for (const step of run) {
    const tallied = stream
      .groupByKey({ key, value })
      .aggregate(
        () => ({ count: 0, bytes: Buffer.alloc(0) }),
        (_key, bytes, { count }) => ({ count: count + 1, bytes }),
        { storeName: step, key, value: tally },
      )
      .toStream();
    stream = tallied.mapValues(({ count, bytes }) =>
      WORK === 'count' ? Buffer.from(String(count)) : bytes,
    );
    stream.to(topicOf(step), { key, value });
  }
  return app;
});

for (const app of apps) await app.start();
process.once('SIGTERM', () => {
  void Promise.all(apps.map((app) => app.close())).then(() => process.exit(0));
});
