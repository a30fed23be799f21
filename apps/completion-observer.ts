import { microsFromIso } from '../avro/index.ts';
import type { Batch } from '../engine/journal.ts';
import type { RunnerObserver } from '../kafka/task-runner.ts';
import type { IntentTrack } from '../processors/trading/index.ts';
import type { Metrics } from './metrics.ts';

/**
 * Counts each intent that reached its end, once, when that is confirmed in the journal.
 *
 * Source: B-83, B-84.
 */
export function completionObserver(observer: RunnerObserver, metrics: Metrics): RunnerObserver {
  return {
    ...observer,
    appended(batch, seconds) {
      observer.appended(batch, seconds);
      for (const { intent } of changedTracks(batch)) {
        const state = intent?.value.state;
        if (intent === null || (state !== 'Completed' && state !== 'Failed')) continue;
        metrics.intentsCompleted.inc({ status: state.toLowerCase() });
        const tookMicros = microsFromIso(intent.value.last_event_time) - intent.submittedAt;
        metrics.intentProcessingTime.observe(Math.max(0, tookMicros) / 1e6);
      }
    },
  };
}

/** Tracks whose intent changed in this batch: after its end an intent does not. */
function changedTracks(batch: Batch): IntentTrack[] {
  const changed = new Set(
    batch.emits
      .filter((emit) => emit.topic === 'rm.intent')
      .map((emit) => Buffer.from(emit.key ?? []).toString('utf8')),
  );
  if (changed.size === 0) return [];
  return batch.states
    .filter(({ actor, value }) => actor === 'intent' && value !== null)
    .map(({ value }) => JSON.parse(value ?? '') as IntentTrack)
    .filter(({ intent }) => intent !== null && changed.has(intent.intentId));
}
