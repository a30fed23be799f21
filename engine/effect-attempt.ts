import type { EffectRequest, EffectResult } from './actor.ts';
import { derivedUuid, hashOf } from './derived-id.ts';
import type { Micros } from './event.ts';
import type { AskedEffect, Cause, OpenEffect } from './task-state.ts';

/*
 * What the journal holds of an effect, from the wish to its last attempt. Pure: the same journal gives the same
 * attempts at the same times (J7, J8).
 */

/** `target-down` counts no attempt, so this stands in for its rung; the circuit breaker spaces the tries. */
const TARGET_DOWN_MS = 1_000;

/** JSON of an effect that was asked for. */
export function askedEffect(
  request: EffectRequest,
  cause: Cause,
  asked: OpenEffect['asked'],
): string {
  const effect: AskedEffect = {
    request,
    cause,
    asked,
    attempt: 1,
    tries: 0,
    dueAt: request.notBefore ?? null,
  };
  return JSON.stringify(effect);
}

/** JSON of the effect set back to its next rung; null: this result is its last. */
export function nextAttempt(effect: OpenEffect, result: EffectResult, time: Micros): string | null {
  if (result.ok || result.kind === 'final') return null;
  const { request, cause, asked, attempt, tries } = effect;
  const ladder = request.ladderMs ?? [];
  const isDown = result.kind === 'target-down' && ladder.length > 0;
  const pauseMs = isDown ? TARGET_DOWN_MS : ladder[attempt - 1];
  if (pauseMs === undefined) return null;
  const next: AskedEffect = {
    request,
    cause,
    asked,
    attempt: isDown ? attempt : attempt + 1,
    tries: tries + 1,
    dueAt: time + pauseMs * 1000,
  };
  return JSON.stringify(next);
}

/** The event id of a result: the same whoever performs this attempt, another one for the next. */
export function resultId({ actor, cause, request, tries }: OpenEffect): string {
  return resultIdOf(cause.eventId, actor, { id: request.id, attempts: tries + 1 });
}

/** The same from what the journal holds of a result; `causeId` as the effect's cause has it. */
export function resultIdOf(
  causeId: string,
  actor: string,
  { id, attempts = 1 }: Pick<EffectResult, 'id' | 'attempts'>,
): string {
  return derivedUuid(hashOf(causeId, actor, attempts === 1 ? id : `${id}#${attempts}`));
}
