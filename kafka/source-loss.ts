import type { Position } from '../engine/journal.ts';

export interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** A journaled position that its topic does not hold any more, and what the topic holds (J4). */
export interface SourceLoss {
  readonly position: Position;
  readonly bounds: Bounds;
  readonly topicId: string;
  /** anew: another topic of the same name; start: what came next was deleted; end: what was read is gone. */
  readonly lost: 'anew' | 'start' | 'end';
}

/** Of a position whose loss an operator accepted: no record that was read stands before it. */
export const ACCEPTED_EPOCH = -1;

/** null: the topic can be read on from the position. */
export function lossOf(position: Position, topicId: string, bounds: Bounds): SourceLoss | null {
  const of = { position, bounds, topicId };
  if (position.topic_id !== topicId) return { ...of, lost: 'anew' };
  if (position.offset < bounds.start) return { ...of, lost: 'start' };
  return position.offset > bounds.end ? { ...of, lost: 'end' } : null;
}
