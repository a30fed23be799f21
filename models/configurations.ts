// What `npm run model` explores. `defines` are the sizes that the model's head explains. A canary turns one rule off and
// has to find a violation; without `off` all has to hold.

export type Defines = Readonly<Record<string, number | true>>;

export interface Configuration {
  readonly name: string;
  /** In this folder. */
  readonly file: string;
  /** Rules of docs/protocol.md that it is about. */
  readonly rules: string;
  readonly defines: Defines;
  /** The switch that turns a rule off. */
  readonly off?: string;
  /** Part of `npm run verify`. */
  readonly isQuick?: boolean;
  /** Absent: all states; bitstate: a sample of what is too large for that. */
  readonly search?: 'bitstate';
}

const WHOLE: readonly Configuration[] = [
  {
    name: 'three owners, published',
    file: 'journal.pml',
    rules: 'J1 J2 J3 J5',
    defines: { INC: 3, PIPE: 1, PUB: true },
    isQuick: true,
  },
  {
    name: 'three owners, pipelined, published',
    file: 'journal.pml',
    rules: 'J1 J2 J3 J5',
    defines: { INC: 3, PIPE: 2, PUB: true },
  },
  {
    name: 'two sources, two keys, a deletion',
    file: 'journal.pml',
    rules: 'J1 J2 J3',
    defines: { INC: 3, PIPE: 2, LA: 2, LB: 1, KEYMASK: 0b1000, DELMASK: 0b100 },
  },
  {
    name: 'a doubled append',
    file: 'journal.pml',
    rules: 'J2 J3',
    defines: { INC: 3, PIPE: 2, DUPS: 1 },
  },
  {
    name: 'two doubled appends',
    file: 'journal.pml',
    rules: 'J2 J3',
    defines: { INC: 2, PIPE: 2, DUPS: 2 },
    isQuick: true,
  },
  {
    name: 'appends overtake each other',
    file: 'journal.pml',
    rules: 'J1 J2 J3',
    defines: { INC: 3, PIPE: 2, OVERTAKE: true },
  },
  {
    name: 'doubled publishes, late ones',
    file: 'journal.pml',
    rules: 'J5',
    defines: { INC: 3, PIPE: 2, PUB: true, PDUPS: 1 },
  },
  {
    name: 'cleaning, two keys',
    file: 'journal.pml',
    rules: 'J9',
    defines: { INC: 2, PIPE: 2, LA: 2, LB: 1, KEYMASK: 0b1000, DELMASK: 0b100, CLEANS: 1 },
  },
  {
    name: 'cleaning, three owners, a doubled append',
    file: 'journal.pml',
    rules: 'J9',
    defines: { INC: 3, PIPE: 1, LA: 2, LB: 0, DELMASK: 0b100, CLEANS: 1, DUPS: 1 },
  },
  {
    name: 'cleaning twice',
    file: 'journal.pml',
    rules: 'J9',
    defines: { INC: 2, PIPE: 1, LA: 2, LB: 0, CLEANS: 2 },
  },
  {
    name: 'cleaning and publishing, two keys',
    file: 'journal.pml',
    rules: 'J5 J9',
    defines: { INC: 2, PIPE: 1, LA: 1, LB: 1, KEYMASK: 0b1000, CLEANS: 1, PUB: true },
  },
  {
    name: 'local stores, cleaning',
    file: 'journal.pml',
    rules: 'J9 J9a',
    defines: { INC: 3, PIPE: 1, LA: 2, LB: 0, DELMASK: 0b100, CLEANS: 1, STORE: true },
  },
  {
    name: 'local stores, a lost journal tail',
    file: 'journal.pml',
    rules: 'J9a',
    defines: { INC: 3, PIPE: 1, LA: 1, LB: 1, STORE: true, LOSS: 1 },
  },
];

const CANARIES: readonly Configuration[] = [
  {
    off: 'OFF_J1',
    rules: 'J1',
    name: 'published before it is confirmed',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, PUB: true },
    isQuick: true,
  },
  {
    off: 'OFF_J1_ORDER',
    rules: 'J1',
    name: 'confirmed though one before it is not',
    file: 'journal.pml',
    defines: { INC: 1, PIPE: 2, OVERTAKE: true },
  },
  {
    off: 'OFF_J2_OWNER',
    rules: 'J2',
    name: 'a batch is valid by its owner',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, DUPS: 1 },
    isQuick: true,
  },
  {
    off: 'OFF_J2_OFFSET',
    rules: 'J2',
    name: 'by owner and number, not by the offset of the fence',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 2, LA: 2, DUPS: 1 },
  },
  {
    off: 'OFF_J3',
    rules: 'J3',
    name: 'the gap before an acknowledged batch is not read',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, PUB: true },
    isQuick: true,
  },
  {
    off: 'OFF_J3A',
    rules: 'J3a',
    name: 'after a time-out the end is read, and decides',
    file: 'journal.pml',
    defines: { INC: 1, PIPE: 2 },
    isQuick: true,
  },
  {
    off: 'OFF_J4',
    rules: 'J4',
    name: "positions are the group's, not the journal's",
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1 },
    isQuick: true,
  },
  {
    off: 'OFF_J5_INFLIGHT',
    rules: 'J5',
    name: 'two publish requests in flight',
    file: 'journal.pml',
    defines: { INC: 1, PIPE: 2, PUB: true },
  },
  {
    off: 'OFF_J5_AGAIN',
    rules: 'J5',
    name: 'nothing is published again on takeover',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, PUB: true },
    isQuick: true,
  },
  {
    off: 'OFF_J9_ANCHOR',
    rules: 'J9',
    name: 'no anchor',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, LA: 2, LB: 0, CLEANS: 1 },
    isQuick: true,
  },
  {
    off: 'OFF_J9_EARLY',
    rules: 'J9',
    name: 'deletes before what it put again is confirmed',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 3, LA: 2, LB: 0, CLEANS: 1 },
  },
  {
    off: 'OFF_J9_WATERMARK',
    rules: 'J9',
    name: 'deletes emits that are not published',
    file: 'journal.pml',
    defines: { INC: 1, PIPE: 1, LA: 1, LB: 1, CLEANS: 1, PUB: true },
  },
  {
    off: 'OFF_J9_NEWEST',
    rules: 'J9',
    name: 'puts again an older state than the newest',
    file: 'journal.pml',
    defines: { INC: 1, PIPE: 3, LA: 2, LB: 0, CLEANS: 1 },
  },
  {
    off: 'OFF_J9_RESTART',
    rules: 'J9',
    name: 'a reader below the start of the log goes on',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, LA: 2, LB: 0, DELMASK: 0b100, CLEANS: 1 },
  },
  {
    off: 'OFF_J9_FENCE',
    rules: 'J9',
    name: 'does not see that its own fence was deleted',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, LA: 1, LB: 0, CLEANS: 1 },
  },
  {
    off: 'OFF_J9A_START',
    rules: 'J9a',
    name: 'a checkpoint below the start of the log is used',
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, LA: 2, LB: 0, DELMASK: 0b100, CLEANS: 1, STORE: true },
    isQuick: true,
  },
  {
    off: 'OFF_J9A_CHECK',
    rules: 'J9a',
    name: "the checkpoint's fence and number are not compared",
    file: 'journal.pml',
    defines: { INC: 2, PIPE: 1, STORE: true, LOSS: 1 },
  },
  {
    off: 'OFF_J9A_EARLY',
    rules: 'J9a',
    name: 'written before the batch is confirmed, and used unchecked',
    file: 'journal.pml',
    defines: { INC: 3, PIPE: 2, OVERTAKE: true, STORE: true },
  },
];

export const CONFIGURATIONS: readonly Configuration[] = [...WHOLE, ...CANARIES];
