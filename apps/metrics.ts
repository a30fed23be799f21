import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { botMetrics } from './bot-metrics.ts';
import { swapMetrics } from './swap-metrics.ts';

/**
 * The metrics of one process, by their names in docs/reference/interfaces.md. Each process has all of them,
 * so that a dashboard finds the same names everywhere; what an app does not do stays at zero.
 *
 * Units: seconds where the name says so, and for `intentProcessingTime`.
 */
export type Metrics = ReturnType<typeof createMetrics>;

const STEP_BUCKETS = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1, 5, 10,
];
const HANDLE_BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25];
const INTENT_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Order: once per process, before anything else is made. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  eventLoopDelay(registry);
  return {
    registry,
    ...tradingMetrics(registers),
    ...swapMetrics(registers),
    ...streamMetrics(registers),
    ...engineMetrics(registers),
    ...botMetrics(registers),
  };
}

function tradingMetrics(registers: Registry[]) {
  const intentsCompleted = new Counter({
    name: 'intents_completed',
    help: 'Intents that reached their end, by how: completed or failed.',
    labelNames: ['status'] as const,
    registers,
  });
  intentsCompleted.inc({ status: 'completed' }, 0);
  intentsCompleted.inc({ status: 'failed' }, 0);
  return {
    intentsSubmitted: new Counter({
      name: 'intents_submitted',
      help: 'Intents taken over: their intent.submitted was acknowledged by the broker.',
      registers,
    }),
    intentsCompleted,
    illegalTransitionsTotal: new Counter({
      name: 'millrace_illegal_transitions_total',
      help: 'Events of an intent that were illegal in its state: stored, and otherwise ignored.',
      labelNames: ['type'] as const,
      registers,
    }),
    intentProcessingTime: new Histogram({
      name: 'intent_processing_time',
      help: 'Seconds from intent.submitted to the last event of the intent, by occurred_at.',
      buckets: INTENT_BUCKETS,
      registers,
    }),
  };
}

function streamMetrics(registers: Registry[]) {
  return {
    wsQueueLength: new Gauge({
      name: 'millrace_ws_queue_length',
      help: 'Events that wait for the slowest WebSocket client; at most 1,024.',
      registers,
    }),
    wsDroppedTotal: new Counter({
      name: 'millrace_ws_dropped_total',
      help: 'Events that a WebSocket client was too slow for, by event name; market data only.',
      labelNames: ['topic'] as const,
      registers,
    }),
  };
}

function engineMetrics(registers: Registry[]) {
  return { ...flowMetrics(registers), ...effectMetrics(registers), ...journalMetrics(registers) };
}

function effectMetrics(registers: Registry[]) {
  return {
    effectSeconds: new Histogram({
      name: 'millrace_effect_seconds',
      help: 'Seconds of one attempt of an effect, by its outcome: ok, or the code of its failure.',
      labelNames: ['effect', 'outcome'] as const,
      buckets: STEP_BUCKETS,
      registers,
    }),
    circuitOpen: new Gauge({
      name: 'millrace_circuit_open',
      help: 'Whether a target of effects is left alone because it failed several times in a row.',
      labelNames: ['application', 'target'] as const,
      registers,
    }),
  };
}

function flowMetrics(registers: Registry[]) {
  return {
    taskLagRecords: new Gauge({
      name: 'millrace_task_lag_records',
      help: 'Records of a source partition that its task has not handled yet.',
      labelNames: ['application', 'topic', 'partition'] as const,
      registers,
    }),
    batchRecords: new Histogram({
      name: 'millrace_batch_records',
      help: 'Messages handled in one journaled batch.',
      buckets: BATCH_BUCKETS,
      registers,
    }),
    handleSeconds: new Histogram({
      name: 'millrace_handle_seconds',
      help: 'Seconds an actor took for one message.',
      labelNames: ['processor'] as const,
      buckets: HANDLE_BUCKETS,
      registers,
    }),
    dedupeTotal: new Counter({
      name: 'millrace_dedupe_total',
      help: 'Records skipped because they were handled before, by how that was known.',
      labelNames: ['application', 'by'] as const,
      registers,
    }),
    dedupeLimitTotal: new Counter({
      name: 'millrace_dedupe_limit_total',
      help: 'Bounds of what dedupe remembers that were reached, and records of producers that did not come.',
      labelNames: ['application', 'limit'] as const,
      registers,
    }),
    parkedKeys: new ParkedKeys(registers),
    deadLettersTotal: new Counter({
      name: 'millrace_dead_letters_total',
      help: 'Records set aside on a dead-letter topic, by where they came from and why.',
      labelNames: ['topic', 'reason'] as const,
      registers,
    }),
  };
}

function journalMetrics(registers: Registry[]) {
  return {
    journalAppendSeconds: new Histogram({
      name: 'millrace_journal_append_seconds',
      help: 'Seconds from sending a journal entry to its confirmation.',
      buckets: STEP_BUCKETS,
      registers,
    }),
    publishSeconds: new Histogram({
      name: 'millrace_publish_seconds',
      help: 'Seconds from sending records to an output partition to their acknowledgement.',
      buckets: STEP_BUCKETS,
      registers,
    }),
    restoreRatio: new Gauge({
      name: 'millrace_restore_ratio',
      help: 'How much of the journal a task has read on its way to running: 0 to 1.',
      labelNames: ['application', 'partition'] as const,
      registers,
    }),
    standbyLagRecords: new Gauge({
      name: 'millrace_standby_lag_records',
      help: "Records of another's journal that this process follows and has not read yet.",
      labelNames: ['application', 'partition'] as const,
      registers,
    }),
    storesDiscardedTotal: new Counter({
      name: 'millrace_stores_discarded_total',
      help: 'Local stores that were of no use, and were filled again from the journal.',
      labelNames: ['application', 'partition'] as const,
      registers,
    }),
    fencesTotal: new Counter({
      name: 'millrace_fences_total',
      help: 'Fences written: terms begun by this process.',
      registers,
    }),
    voidBatchesTotal: new Counter({
      name: 'millrace_void_batches_total',
      help: 'Journal batches read that the protocol declares void (J2).',
      registers,
    }),
    watchdogTotal: new Counter({
      name: 'millrace_watchdog_total',
      help: 'Terms that the watchdog ended: they had work and did not move.',
      labelNames: ['application', 'partition'] as const,
      registers,
    }),
    healedTotal: new Counter({
      name: 'millrace_read_models_healed_total',
      help: 'Keys of read models over which an owner before had put an older version (J9b).',
      labelNames: ['application', 'topic'] as const,
      registers,
    }),
    sinkWaitingRecords: new Gauge({
      name: 'millrace_sink_waiting_records',
      help: 'Records that a sink has fetched and its store has not taken yet.',
      labelNames: ['sink'] as const,
      registers,
    }),
    sinkWaitingBytes: new Gauge({
      name: 'millrace_sink_waiting_bytes',
      help: 'Bytes of keys and values of the same; while there are any, the sink fetches nothing more.',
      labelNames: ['sink'] as const,
      registers,
    }),
    spansTotal: new Counter({
      name: 'millrace_trace_spans_total',
      help: 'Spans by what became of them: exported, failed (the collector took them not) or dropped (the queue was full).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    republishedTotal: new Counter({
      name: 'millrace_republished_total',
      help: 'Records published again when a task was taken over (J5).',
      registers,
    }),
  };
}

/** The number of parked keys of a process, of which each task knows only its own. */
export class ParkedKeys {
  readonly #gauge: Gauge;
  readonly #byTask = new Map<string, number>();

  constructor(registers: Registry[]) {
    this.#gauge = new Gauge({
      name: 'millrace_parked_keys',
      help: 'Keys whose messages wait for an operator.',
      registers,
    });
  }

  /** Order: after each change of a task's count, and with 0 when the task is given up. */
  set(task: { readonly application: string; readonly partition: number }, keys: number): void {
    this.#byTask.set(`${task.application}/${task.partition}`, keys);
    let sum = 0;
    for (const count of this.#byTask.values()) sum += count;
    this.#gauge.set(sum);
  }
}

function eventLoopDelay(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  new Gauge({
    name: 'millrace_event_loop_delay_seconds',
    help: 'How late the event loop ran, 99th percentile since the last scrape.',
    registers: [registry],
    collect() {
      this.set(delay.count === 0 ? 0 : delay.percentile(99) / 1e9);
      delay.reset();
    },
  });
}
