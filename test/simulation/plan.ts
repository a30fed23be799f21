import { FAULT_KINDS, type Fault } from '../../testing/simulation/fault.ts';
import { LOSSES, type Loss } from './loss.ts';
import { Random } from '../../testing/simulation/random.ts';

/** Everything about one run, from its seed; the faults are data, so that a failure can be shrunk. */
export interface Plan {
  readonly seed: number;
  readonly deployment: 'fused' | 'split';
  /** What becomes of a message that its actor cannot take. */
  readonly policy: 'park' | 'ladder';
  /** Processes that run from the beginning, of three places for one. */
  readonly processes: number;
  readonly faults: readonly Fault[];
  /** Whether tasks have local stores. */
  readonly stores: boolean;
  /** Instead of all faults: something that the broker may never lose is lost. */
  readonly loss: Loss | null;
}

export const SLOTS = 3;
/** While inputs come and faults happen. */
export const STORM_MS = 8_000;
/** Calls within which a fault of a call may fall. */
const CALLS = { journal: 40, publish: 40, fetch: 80, admin: 25, disk: 20 };
const MOST_FAULTS = 14;
/** Share of the seeds in which the broker loses something. */
const LOSSY = 0.08;

export function planOf(seed: number): Plan {
  const random = new Random(seed * 7 + 3);
  const loss = random.chance(LOSSY) ? random.pick(LOSSES) : null;
  const many = loss === null ? random.between(1, MOST_FAULTS) : 0;
  const faults = Array.from({ length: many }, () => faultOf(random));
  return {
    seed,
    deployment: random.chance(0.35) ? 'split' : 'fused',
    processes: random.between(1, SLOTS),
    faults,
    stores: random.chance(0.6),
    loss,
    policy: random.chance(0.5) ? 'ladder' : 'park',
  };
}

function faultOf(random: Random): Fault {
  const kind = random.pick(FAULT_KINDS);
  // Most stay below what a client waits for, some go well beyond a session.
  const ms = random.chance(0.6) ? random.between(5, 800) : random.between(800, 6_000);
  const slot = random.between(0, SLOTS - 1);
  if (kind.of === 'world') {
    const jump = random.chance(0.5) ? ms * 1_000 : -ms;
    return {
      of: 'world',
      fate: kind.fate as Extract<Fault, { of: 'world' }>['fate'],
      slot,
      at: random.between(200, STORM_MS),
      ms: kind.fate === 'clock-jump' ? jump : ms,
    };
  }
  return { ...kind, slot, at: random.between(1, CALLS[kind.of]), ms } as Fault;
}
