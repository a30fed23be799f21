/*
 * What can go wrong, as data: a schedule of faults can be printed, cut in half and run again.
 *
 * `at` of a fault of a call is the how-manieth call of its kind that the slot makes, from 1; of all others it is a
 * virtual time in ms. A slot is a place for a process: restarts keep it.
 */

/** Fates of one append: `late` lands after the answer, `twice` once more. `refused` never landed. */
export const APPEND_FATES = ['slow', 'lost', 'unacknowledged', 'late', 'twice', 'refused'] as const;
export type AppendFate = (typeof APPEND_FATES)[number];

const FATES_OF_CALLS = {
  /** Appends to the journal, */
  journal: APPEND_FATES,
  /** and to everything else. */
  publish: APPEND_FATES,
  fetch: ['slow', 'failed', 'short'],
  admin: ['slow', 'failed'],
  /** Writes to the local store. */
  disk: ['slow', 'failed'],
} as const;

/** The process dies with the call: `before` it reaches the broker, or `after`, unheard. */
const CRASHES = ['crash-before', 'crash-after'] as const;

export type CallKind = keyof typeof FATES_OF_CALLS;
export type CallFate = AppendFate | 'failed' | 'short' | (typeof CRASHES)[number];

/** Things that happen to a process, or (`slot` is then of no use) to the broker. */
export const HAPPENINGS = [
  'crash',
  'pause',
  'silence',
  'leave',
  'clock-jump',
  'broker-away',
  'hole',
  'compaction',
  'trim-reference',
  'disk-lost',
  'disk-old',
] as const;
export type Happening = (typeof HAPPENINGS)[number];

export interface CallFault {
  readonly of: CallKind;
  readonly fate: CallFate;
  readonly slot: number;
  readonly at: number;
  /** How long it takes, or how much later the rest of it comes. */
  readonly ms: number;
}

export interface HappeningFault {
  readonly of: 'world';
  readonly fate: Happening;
  readonly slot: number;
  readonly at: number;
  /** How long it lasts, or how far a clock jumps. */
  readonly ms: number;
}

export type Fault = CallFault | HappeningFault;

export function nameOf(fault: Pick<Fault, 'of' | 'fate'>): string {
  return `${fault.of}/${fault.fate}`;
}

/** Every kind of fault there is, in the order in which a report lists them. */
export const FAULT_KINDS: readonly Pick<Fault, 'of' | 'fate'>[] = [
  ...Object.entries(FATES_OF_CALLS).flatMap(([of, fates]) =>
    [...fates, ...CRASHES].map(
      (fate) => ({ of: of as CallKind, fate }) as Pick<Fault, 'of' | 'fate'>,
    ),
  ),
  ...HAPPENINGS.map((fate) => ({ of: 'world' as const, fate })),
];

/** The faults of calls that are still to come, and a count of all that came. */
export class FaultSchedule {
  readonly #calls = new Map<string, CallFault>();
  readonly #made = new Map<string, number>();
  readonly fired = new Map<string, number>();
  /** No fault of a call happens any more. */
  isOver = false;

  constructor(faults: readonly Fault[]) {
    for (const fault of faults)
      if (fault.of !== 'world') this.#calls.set(`${fault.of}/${fault.slot}/${fault.at}`, fault);
  }

  /** What happens to the next call of a kind that a slot makes. */
  next(of: CallKind, slot: number): CallFault | null {
    const made = (this.#made.get(`${of}/${slot}`) ?? 0) + 1;
    this.#made.set(`${of}/${slot}`, made);
    const fault = this.isOver ? undefined : this.#calls.get(`${of}/${slot}/${made}`);
    if (fault !== undefined) this.fire(fault);
    return fault ?? null;
  }

  fire(fault: Fault): void {
    this.count(nameOf(fault));
  }

  count(name: string): void {
    this.fired.set(name, (this.fired.get(name) ?? 0) + 1);
  }
}
