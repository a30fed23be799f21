import { expect, it } from 'vitest';
import { createMetrics } from '../../apps/metrics.ts';

/** Names and labels as in docs/reference/interfaces.md, Metrics. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  intents_submitted: [],
  intents_completed: ['status'],
  intent_processing_time: [],
  millrace_task_lag_records: ['application', 'topic', 'partition'],
  millrace_batch_records: [],
  millrace_handle_seconds: ['processor'],
  millrace_journal_append_seconds: [],
  millrace_publish_seconds: [],
  millrace_restore_ratio: ['application', 'partition'],
  millrace_dedupe_total: ['application', 'by'],
  millrace_parked_keys: [],
  millrace_fences_total: [],
  millrace_void_batches_total: [],
  millrace_dead_letters_total: ['topic', 'reason'],
  millrace_republished_total: [],
  millrace_event_loop_delay_seconds: [],
};

it('B-82 B-83 B-84 has every metric by its name, with its labels', () => {
  const { registry } = createMetrics();
  for (const [name, labels] of Object.entries(NAMES)) {
    const metric = registry.getSingleMetric(name) as { labelNames?: string[] } | undefined;
    expect([name, metric?.labelNames]).toEqual([name, labels]);
  }
});

it('B-83 shows both ends of an intent from the start', async () => {
  const { registry, intentsCompleted } = createMetrics();
  intentsCompleted.inc({ status: 'failed' });
  const text = await registry.metrics();
  expect(text).toMatch(/^intents_completed\{status="completed"\} 0$/m);
  expect(text).toMatch(/^intents_completed\{status="failed"\} 1$/m);
});

it('adds up the parked keys of all tasks', async () => {
  const { registry, parkedKeys } = createMetrics();
  parkedKeys.set({ application: 'a', partition: 0 }, 2);
  parkedKeys.set({ application: 'a', partition: 1 }, 3);
  parkedKeys.set({ application: 'b', partition: 0 }, 4);
  parkedKeys.set({ application: 'a', partition: 1 }, 0);
  expect(await registry.metrics()).toMatch(/^millrace_parked_keys 6$/m);
});

it('keeps two registries apart', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.intentsSubmitted.inc();
  expect(await other.registry.metrics()).toMatch(/^intents_submitted 0$/m);
});
