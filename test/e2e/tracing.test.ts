import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from '../support/otlp-receiver.ts';
import { LIFE, ORDER, SystemClient } from './system-client.ts';
import { APP_NAMES, startSystem, type System } from './system-fixture.ts';

let receiver: OtlpReceiver;
let system: System;
let client: SystemClient;

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  system = await startSystem('tracing', {
    separate: true,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
  });
  const { brokers } = system.config.kafka;
  client = new SystemClient(system, platformaticClient({ brokers, clientId: 'tracing' }));
}, 120_000);

afterAll(async () => {
  await system?.stop();
  await receiver?.close();
});

const spansOf = (traceId: string): readonly ReceivedSpan[] =>
  receiver.spans.filter((span) => span.traceId === traceId);

const AWAITED = [
  ...[
    'POST /intents',
    'publish intents',
    'receive exec',
    'append planner.workers',
    'perform swap.wait',
  ],
  ...LIFE.map((type) => `handle intent ${type}`),
  ...['store intents', 'store risk', 'store plans', 'store exec', 'store rm.intent'],
];

/** What a whole trace still lacks: spans, and parents of those that are there. */
function lacking(traceId: string, caller?: string): readonly string[] {
  const spans = spansOf(traceId);
  const names = new Set(spans.map(({ name }) => name));
  const ids = new Set([...spans.map(({ spanId }) => spanId), caller, undefined]);
  const orphans = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
  return [
    ...AWAITED.filter((name) => !names.has(name)),
    ...orphans.map(({ name, parentSpanId }) => `parent ${parentSpanId} of ${name}`),
  ];
}

/** Each process sends its spans when it has gathered some. */
const wholeTrace = (traceId: string, caller?: string): Promise<void> =>
  expect.poll(() => lacking(traceId, caller), { timeout: 40_000, interval: 100 }).toEqual([]);

describe('traces', () => {
  it('run from POST /intents over all applications to the stores', async () => {
    const intentId = await client.submit();
    const traceId = intentId.replaceAll('-', '');
    await wholeTrace(traceId);
    const spans = spansOf(traceId);
    expect(spans.filter(({ parentSpanId }) => parentSpanId === undefined)).toMatchObject([
      { name: 'POST /intents', service: 'millrace-gateway' },
    ]);
    expect(pathTo('handle intent exec.completed', spans)).toEqual([
      'millrace-gateway POST /intents',
      'millrace-trading handle risk intent.submitted',
      'millrace-trading handle acceptance risk.approved',
      'millrace-trading handle planner intent.accepted',
      'millrace-orchestrator handle orchestrator plan.created',
      ...['build', 'submit', 'wait'].flatMap((act) => [
        `millrace-orchestrator perform swap.${act}`,
        `millrace-orchestrator handle orchestrator effect:swap.${act}`,
      ]),
      'millrace-coordinator handle intent exec.completed',
    ]);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  });

  it('go on with the trace of the caller, and leave out what it does not want', async () => {
    const trace = (last: string): string => `4bf92f3577b34da6a3ce929d0e0e473${last}`;
    const [wanted, unwanted] = [trace('1'), trace('2')];
    for (const [traceId, flags] of [
      [unwanted, '00'],
      [wanted, '01'],
    ]) {
      const traceparent = `00-${traceId}-00f067aa0ba902b7-${flags}`;
      const response = await fetch(`${system.url}/intents`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', traceparent },
        body: JSON.stringify(ORDER),
      });
      const { intent_id: intentId } = (await response.json()) as { intent_id: string };
      await client.history(intentId, LIFE.length);
    }
    await wholeTrace(wanted, '00f067aa0ba902b7');
    const first = spansOf(wanted).find(({ name }) => name === 'POST /intents');
    expect(first?.parentSpanId).toBe('00f067aa0ba902b7');
    expect(spansOf(unwanted)).toEqual([]);
  });

  it('hold nothing up while the collector is away', async () => {
    await receiver.close();
    const intents = await Promise.all(Array.from({ length: 20 }, () => client.submit()));
    for (const intentId of intents) await client.history(intentId, LIFE.length);
    for (const app of APP_NAMES)
      await eventually(
        `${app} counts what failed`,
        async () => (await failedSpans(app)) > 0,
        60_000,
      );
  });
});

async function failedSpans(app: (typeof APP_NAMES)[number]): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${system.ports[app]}/metrics`);
  const line = /^millrace_trace_spans_total\{outcome="failed"\} (\d+)/m;
  return Number(line.exec(await response.text())?.[1] ?? 0);
}

/** Services and names from the first span of a trace to the one of that name. */
function pathTo(name: string, spans: readonly ReceivedSpan[]): readonly string[] {
  const path: string[] = [];
  let span = spans.find((each) => each.name === name);
  while (span !== undefined) {
    path.unshift(`${span.service} ${span.name}`);
    const { parentSpanId } = span;
    span = spans.find((each) => each.spanId === parentSpanId);
  }
  return path;
}
