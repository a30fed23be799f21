import type { Headers } from '../engine/event.ts';
import type { Topology } from '../engine/topology.ts';
import type { RunnerObserver } from '../kafka/task-runner.ts';
import { headerFields, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** Turns what the engine reports into this process's metrics and log lines. Source: B-85. */
export function engineObserver(topology: Topology, metrics: Metrics, log: Log): RunnerObserver {
  const { application } = topology;
  return {
    handled(actor, message, seconds) {
      metrics.handleSeconds.observe({ processor: actor }, seconds);
      const { type, correlationId, eventId } = message;
      if (log.isLevelEnabled('debug'))
        log.debug({ topic: type, correlationId, eventId, actor }, 'handled');
    },
    skipped(by) {
      if (by === 'position' || by === 'producer' || by === 'event_id')
        metrics.dedupeTotal.inc({ application, by });
    },
    dedupeLimit: (limit, count) => metrics.dedupeLimitTotal.inc({ application, limit }, count),
    parked(actor, key, code, reason, message) {
      const { type: topic, correlationId, eventId } = message ?? {};
      log.error({ topic, correlationId, eventId, application, actor, key, code }, reason);
    },
    deadLettered(topic, code, letter) {
      metrics.deadLettersTotal.inc({ topic, reason: code });
      const fields = { ...headerFields(letter), origin: originOf(letter) };
      log.warn({ ...fields, application, deadLetter: topic, code }, 'dead letter');
    },
    appended(batch, seconds) {
      metrics.journalAppendSeconds.observe(seconds);
      metrics.batchRecords.observe(batch.inputs.length);
    },
    published: (seconds) => metrics.publishSeconds.observe(seconds),
    republished: (count) => metrics.republishedTotal.inc(count),
    fenced: () => log.warn({ application }, 'fenced by another owner'),
    voidBatches: (count) => metrics.voidBatchesTotal.inc(count),
    restored(partition, ratio) {
      metrics.restoreRatio.set({ application, partition }, ratio);
      if (ratio === 1) metrics.fencesTotal.inc();
    },
    effectPerformed: (effect, outcome, seconds) =>
      metrics.effectSeconds.observe({ effect, outcome }, seconds),
    circuit(target, state) {
      metrics.circuitOpen.set({ application, target }, state === 'closed' ? 0 : 1);
      if (state === 'open') log.warn({ application, target }, 'target fails, and is left alone');
      else log.info({ application, target, state }, 'target is tried again');
    },
    storeDiscarded(partition, reason) {
      metrics.storesDiscardedTotal.inc({ application, partition });
      log.warn({ application, partition, reason }, 'the local store is made anew');
    },
    standbyLag(partition, records) {
      if (records === null) metrics.standbyLagRecords.remove({ application, partition });
      else metrics.standbyLagRecords.set({ application, partition }, records);
    },
    lag: (topic, partition, records) =>
      metrics.taskLagRecords.set({ application, topic, partition }, records),
    healed: (topic, keys) => metrics.healedTotal.inc({ application, topic }, keys),
    stalled: (partition) => metrics.watchdogTotal.inc({ application, partition }),
    parkedKeys: (partition, count) => metrics.parkedKeys.set({ application, partition }, count),
  };
}

/** Where a dead letter stood: `intents/0/42`; undefined for one that comes from no record. */
function originOf(letter: Headers): string | undefined {
  const parts = ['topic', 'partition', 'offset'].map((part) => letter[`x-original-${part}`]);
  return parts.includes(undefined) ? undefined : parts.join('/');
}
