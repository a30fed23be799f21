import type { Codec } from '../engine/codec.ts';
import type { Log } from './log.ts';
import { Backoff, pause } from './wait.ts';

export interface LearnSchema {
  readonly codec: Codec;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Brings the schema that a value names. An unknown id waits for the registry, until the signal fires; an id that the
 * registry does not have is left unknown, and its record becomes a dead letter.
 */
export async function learnSchema(
  { codec, log, signal }: LearnSchema,
  value: Uint8Array,
): Promise<void> {
  const backoff = new Backoff(100, 2_000);
  while (!signal.aborted) {
    try {
      return await codec.learn(value);
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'REGISTRY_AWAY') return;
      log.warn({ error }, 'waiting for the schema registry');
      await pause(backoff.next(), signal);
    }
  }
}
