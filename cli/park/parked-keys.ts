import { isoMicros } from '../../avro/index.ts';
import type { Message } from '../../engine/actor.ts';
import { foldJournal } from '../log/journal-fold.ts';
import type { LogSession } from '../log/log-session.ts';
import { tasksOf } from '../why/correlation.ts';

/** A blocked actor and key, and what waits behind it. */
export interface ParkedKey {
  readonly application: string;
  readonly task: number;
  readonly actor: string;
  readonly key: string;
  readonly code: string;
  readonly reason: string;
  readonly bytes: number;
  /** How often the first was handled in vain. */
  readonly attempt: number;
  /** When it is handled again, ISO 8601; null: when an operator says so. */
  readonly due: string | null;
  /** Oldest first. */
  readonly messages: readonly Message[];
}

/** Every parked key, as the journals have it now. */
export async function parkedKeys(
  session: LogSession,
  application: string | null,
): Promise<readonly ParkedKey[]> {
  const found: ParkedKey[] = [];
  for (const task of await tasksOf(session)) {
    if (application !== null && task.application !== application) continue;
    const { state } = await foldJournal(session, task);
    for (const [name, queue] of state.parked) {
      const at = name.indexOf('|');
      const place = { actor: name.slice(0, at), key: name.slice(at + 1) };
      const { code, reason, bytes, attempt, messages } = queue;
      const of = { application: task.application, task: task.partition };
      const due = queue.due === null ? null : isoMicros(queue.due);
      found.push({ ...of, ...place, code, reason, bytes, attempt, due, messages });
    }
  }
  return found;
}
