/*
 * What a trace costs the process that handles: `node bench/tracing.ts`. Inputs through the task of the counter, two
 * handlers and two emits each, in memory, no broker: without a header, with one, and with one and spans that go to a receiver in
 * this process, whose work is in the figure too. The three take turns, so that the machine's moods fall on all.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { traceObserver } from '../apps/trace-observer.ts';
import { Tracing } from '../apps/tracing.ts';
import { eventHeaders } from '../avro/index.ts';
import { QUEUE_SPANS, Spans } from '../connectors/otlp/index.ts';
import type { TaskObserver } from '../engine/task.ts';
import type { RunnerObserver } from '../kafka/task-runner.ts';
import { add, COUNT_EVENTS, counterDriver, offlineCounterCodec } from '../test/support/counter.ts';

const ROUNDS = 9;
/** Three spans an input: what fits into the queue. */
const INPUTS = Math.floor(QUEUE_SPANS / 4);

const codec = offlineCounterCodec();
const counts = { exported: 0, failed: 0, dropped: 0 };
const receiver = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200).end('{}'));
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');
const { port } = receiver.address() as { port: number };
const spans = new Spans({
  ...{ endpoint: `http://127.0.0.1:${port}`, service: 'bench', instanceId: '1' },
  onOutcome: (outcome, count) => void (counts[outcome] += count),
});

const quiet: RunnerObserver = {
  ...{ handled() {}, skipped() {}, parked() {}, deadLettered() {}, appended() {}, published() {} },
  ...{ republished() {}, fenced() {}, voidBatches() {}, restored() {}, lag() {}, parkedKeys() {} },
};
const reporting = traceObserver('counter', quiet, new Tracing(spans, 1));

async function round(kind: 'plain' | 'header' | 'spans'): Promise<number> {
  const observer = kind === 'spans' ? reporting : quiet;
  const told: TaskObserver = {
    ...quiet,
    handled: (actor, message) => observer.handled(actor, message, 0),
  };
  const driver = counterDriver({ sanitize: false, observer: told });
  const { record = '', topic = '' } = COUNT_EVENTS[0] ?? {};
  const records = Array.from({ length: INPUTS }, (_, index) => {
    const event = add(`k${index}`, `e${index}`, { amount: 2 });
    const traceparent = `00-${'ab'.repeat(16)}-${(index + 1).toString(16).padStart(16, '0')}-01`;
    return {
      ...{ topic, key: Buffer.from(`k${index}`), value: codec.encode(topic, record, event) },
      headers: eventHeaders(event.envelope, kind === 'plain' ? {} : { traceparent }),
    };
  });
  const before = process.cpuUsage();
  for (const each of records) driver.publishRaw(each);
  for (const batch of driver.batches) observer.appended(batch, 0);
  while (spans.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / INPUTS;
}

const found = { plain: [] as number[], header: [] as number[], spans: [] as number[] };
for (let index = 0; index <= ROUNDS; index++)
  for (const kind of ['plain', 'header', 'spans'] as const) {
    const micros = await round(kind);
    if (index > 0) found[kind].push(micros);
  }
const median = (values: number[]): number =>
  Math.round((values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0) * 10) / 10;
const cpuMicrosPerInput = {
  plain: median(found.plain),
  header: median(found.header),
  spans: median(found.spans),
};
const machine = `${cpus().length} x ${cpus()[0]?.model}`;
console.log(
  JSON.stringify({ machine, node: process.version, INPUTS, ROUNDS, cpuMicrosPerInput, counts }),
);
await spans.close();
receiver.close();
