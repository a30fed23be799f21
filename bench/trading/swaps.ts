import { setTimeout as pause } from 'node:timers/promises';
import { ALL_RECORDS } from '../../apps/records.ts';
import { AvroCodec } from '../../avro/index.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { localTraderKey } from '../../cli/stack/local-chain.ts';
import { decodeWith, readLog, VoidRunError } from '../latency/audit.ts';
import { httpIntake, type Intake } from '../latency/intake.ts';
import { openLoop } from '../latency/open-loop.ts';
import { Latencies, type Percentiles } from '../latency/summary.ts';
import { startBenchSystem } from '../latency/system.ts';
import { endsOf, TopicTail } from '../latency/topic-tail.ts';
import { runRawSwaps } from './raw-swaps.ts';

export interface SwapsPlan {
  /** Intents a second. */
  readonly rate: number;
  readonly count: number;
  readonly warmUp: number;
}

/** Units: ms from when an intent, or a raw swap, was due. */
export interface SwapsReport {
  readonly plan: SwapsPlan;
  readonly postToCompleted: Percentiles;
  readonly raw: Percentiles;
}

const COMPLETED = 'exec.completed';
const LIMIT_MS = 60_000;

/**
 * POST → exec.completed with real swaps on a chain of the benchmark's own, beside the bare library on the same chain.
 *
 * Throws: VoidRunError when an intent has not exactly one exec.completed; PartError.
 */
export async function runSwaps(
  plan: SwapsPlan,
  tell: (line: string) => void,
): Promise<SwapsReport> {
  const system = await startBenchSystem(tell, { withChain: true });
  const { config, ports } = system;
  const kafka = platformaticClient({ brokers: config.kafka.brokers, clientId: 'bench' });
  const from = await endsOf(kafka, ['exec']);
  const tail = await TopicTail.open(kafka, 'exec', COMPLETED);
  const intake = httpIntake(`http://127.0.0.1:${ports.gateway}`);
  try {
    tell(`POST → exec.completed on a chain: ${plan.warmUp} to warm up, then ${plan.count}`);
    const warm = await send(intake, tail, { rate: plan.rate, count: plan.warmUp });
    const timed = await send(intake, tail, { rate: plan.rate, count: plan.count });
    const { registryUrl } = config.stores;
    const codec = await AvroCodec.start({ registryUrl, subjects: ALL_RECORDS });
    const log = await readLog(kafka, from, decodeWith(codec));
    const ended = log.filter(({ type }) => type === COMPLETED).map((each) => each.correlationId);
    const all = [...warm, ...timed].map(({ correlationId }) => correlationId);
    if (ended.length !== all.length || new Set([...ended, ...all]).size !== all.length)
      throw new VoidRunError(`${ended.length} ${COMPLETED} of ${all.length} intents: it is void.`);
    for (const app of ['orchestrator', 'trading', 'gateway']) await system.end(app);
    tell('the bare library swaps');
    const raw = await runRawSwaps(
      { url: config.chain.rpcUrl ?? '', key: localTraderKey() },
      { rate: plan.rate, count: plan.count },
    );
    return { plan, postToCompleted: Latencies.of(timed.map(({ tookMs }) => tookMs)), raw };
  } finally {
    await tail.close();
    await intake.close();
    await system.stop();
  }
}

async function send(
  intake: Intake,
  tail: TopicTail,
  load: { readonly rate: number; readonly count: number },
): Promise<readonly { readonly correlationId: string; readonly tookMs: number }[]> {
  const sends: Promise<{ readonly correlationId: string; readonly dueAt: number }>[] = [];
  await openLoop(load, (_index, dueAt) => {
    const sent = intake.send().then((correlationId) => ({ correlationId, dueAt }));
    sent.catch(() => undefined);
    sends.push(sent);
  });
  const all = await Promise.all(sends);
  const deadline = performance.now() + LIMIT_MS;
  while (all.some(({ correlationId }) => tail.readAt(correlationId) === undefined)) {
    if (performance.now() > deadline)
      throw new VoidRunError(`An intent has no ${COMPLETED} after ${LIMIT_MS} ms: it is void.`);
    await pause(10);
  }
  return all.map(({ correlationId, dueAt }) => ({
    correlationId,
    tookMs: (tail.readAt(correlationId) ?? Number.NaN) - dueAt,
  }));
}
