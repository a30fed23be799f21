import { resultId } from '../engine/effect-attempt.ts';
import type { JournaledEmit } from '../engine/journal.ts';
import { attemptSpan, handlerSpan, traceparentOf } from '../engine/traceparent.ts';
import type { RunnerObserver } from '../kafka/task-runner.ts';
import type { Tracing } from './tracing.ts';

/** An application's steps as spans, besides what its observer does with them. */
export function traceObserver(
  application: string,
  observer: RunnerObserver,
  tracing: Tracing,
): RunnerObserver {
  const common = { 'millrace.application': application };
  return {
    ...observer,
    received(record, seconds) {
      observer.received?.(record, seconds);
      const { topic, partition, offset, headers } = record;
      const attributes = { ...common, topic, partition, offset };
      const name = `receive ${topic}`;
      tracing.leaf(traceparentOf(headers), { name, kind: 'consumer', seconds, attributes });
    },
    handled(actor, message, seconds) {
      observer.handled(actor, message, seconds);
      const { traceparent, type, eventId, correlationId } = message;
      if (traceparent === undefined) return;
      const own = handlerSpan(traceparent, actor, eventId);
      const attributes = { ...common, actor, event_id: eventId, correlation_id: correlationId };
      const name = `handle ${actor} ${type}`;
      tracing.step(traceparent, own, { name, kind: 'internal', seconds, attributes });
    },
    parked(actor, key, code, reason, message) {
      observer.parked(actor, key, code, reason, message);
      const attributes = { ...common, actor, code, event_id: message?.eventId ?? '' };
      const step = { name: `park ${actor}`, kind: 'internal', seconds: 0, attributes } as const;
      tracing.leaf(message?.traceparent, { ...step, failure: reason });
    },
    appended(batch, seconds) {
      observer.appended(batch, seconds);
      const attributes = { ...common, batch: batch.n, inputs: batch.inputs.length };
      const step = { name: `append ${application}`, kind: 'client', seconds, attributes } as const;
      for (const [traceparent] of byTrace(batch.emits)) tracing.leaf(traceparent, step);
    },
    published(seconds, emits) {
      observer.published(seconds, emits);
      for (const [traceparent, own] of byTrace(emits))
        for (const topic of new Set(own.map((emit) => emit.topic)))
          tracing.leaf(traceparent, {
            ...{ name: `publish ${topic}`, kind: 'producer', seconds },
            attributes: { ...common, topic, emits: own.length },
          });
    },
    effectPerformed(name, outcome, seconds, effect) {
      observer.effectPerformed?.(name, outcome, seconds, effect);
      const { actor, cause, tries } = effect;
      if (cause.traceparent === null) return;
      const own = attemptSpan(cause.traceparent, resultId(effect));
      const attributes = { ...common, actor, outcome, attempt: tries + 1 };
      const step = { name: `perform ${name}`, kind: 'client', seconds, attributes } as const;
      const failed = outcome === 'ok' ? step : { ...step, failure: outcome };
      tracing.step(cause.traceparent, own, failed);
    },
  };
}

/** Emits by the handler that they come from, those without a trace left out. */
function byTrace(emits: readonly JournaledEmit[]): ReadonlyMap<string, readonly JournaledEmit[]> {
  const found = new Map<string, JournaledEmit[]>();
  for (const emit of emits) {
    const traceparent = traceparentOf(emit.headers);
    if (traceparent === null) continue;
    const own = found.get(traceparent);
    if (own === undefined) found.set(traceparent, [emit]);
    else own.push(emit);
  }
  return found;
}
