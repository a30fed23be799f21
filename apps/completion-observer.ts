import { microsFromIso } from '../avro/index.ts';
import type { Batch } from '../engine/journal.ts';
import type { RunnerObserver } from '../kafka/task-runner.ts';
import type { IntentTrack } from '../processors/trading/index.ts';
import type { Metrics } from './metrics.ts';

/**
 * Counts each intent that reached its end, and each event that was illegal in its turn, once, when that is confirmed
 * in the journal.
 *
 * Limits: of a correlation with over 128 illegal events in one batch, the last 128 are counted.
 * Source: B-68, B-83, B-84.
 */
export function completionObserver(observer: RunnerObserver, metrics: Metrics): RunnerObserver {
  return {
    ...observer,
    appended(batch, seconds) {
      observer.appended(batch, seconds);
      const tracks = tracksOf(batch);
      if (tracks.length === 0) return;
      for (const type of illegalTypes(batch, tracks)) metrics.illegalTransitionsTotal.inc({ type });
      for (const { intent } of changedTracks(batch, tracks)) {
        const state = intent?.value.state;
        if (intent === null || (state !== 'Completed' && state !== 'Failed')) continue;
        metrics.intentsCompleted.inc({ status: state.toLowerCase() });
        const tookMicros = microsFromIso(intent.value.last_event_time) - intent.submittedAt;
        metrics.intentProcessingTime.observe(Math.max(0, tookMicros) / 1e6);
      }
    },
  };
}

function tracksOf({ states }: Batch): readonly IntentTrack[] {
  return states
    .filter(({ actor, value }) => actor === 'intent' && value !== null)
    .map(({ value }) => JSON.parse(value ?? '') as IntentTrack);
}

/** Types of the events whose turn came by a message of this batch, and was illegal. */
function illegalTypes({ inputs }: Batch, tracks: readonly IntentTrack[]): readonly string[] {
  const illegal = tracks.flatMap((track) => track.illegal);
  if (illegal.length === 0) return [];
  const handled = new Set(
    inputs.filter(({ actor }) => actor === 'intent').map(({ event_id: id }) => id),
  );
  return illegal.filter(({ by }) => handled.has(by)).map(({ type }) => type);
}

/** Tracks whose intent changed in this batch: after its end an intent does not. */
function changedTracks({ emits }: Batch, tracks: readonly IntentTrack[]): readonly IntentTrack[] {
  const changed = new Set(
    emits
      .filter(({ topic }) => topic === 'rm.intent')
      .map(({ key }) => Buffer.from(key ?? []).toString('utf8')),
  );
  return tracks.filter(({ intent }) => intent !== null && changed.has(intent.intentId));
}
