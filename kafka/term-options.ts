import type { Fence } from '../engine/journal.ts';
import type { StateStore } from '../engine/state-store.ts';
import type { KnownEnd } from './journal-log.ts';

/**
 * normal: a changed graph is reported; drain: every emit is handled when it comes back, and the term ends when
 * none is on its way; drained: the change has been taken care of (J6).
 */
export type TermMode = 'normal' | 'drain' | 'drained';

export interface TermOptions {
  readonly partition: number;
  readonly fence: Fence;
  readonly mode: TermMode;
  readonly store: StateStore | null;
  readonly known: KnownEnd;
}
