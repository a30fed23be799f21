// What `npm run model` explores with every rule in force; canaries.ts has the rest.

export type Defines = Readonly<Record<string, number | true>>;

export interface Configuration {
  readonly name: string;
  /** In this folder. */
  readonly file: string;
  /** Rules of docs/protocol.md that it is about. */
  readonly rules: string;
  /** Sizes, which the model's head explains. */
  readonly defines: Defines;
  /** The switch that turns a rule off. */
  readonly off?: string;
  /** Part of `npm run verify`. */
  readonly isQuick?: boolean;
  /** Absent: all states; bitstate: a sample of what is too large for that, in random order, for a minute. */
  readonly search?: 'bitstate';
}

/** In all of these every rule is in force, and all has to hold. */
export const CONFIGURATIONS: readonly Configuration[] = [
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
  {
    name: 'all faults at once',
    file: 'journal.pml',
    rules: 'J1 J2 J3 J5 J9',
    search: 'bitstate',
    defines: {
      ...{
        INC: 3,
        PIPE: 2,
        LA: 2,
        LB: 1,
        KEYMASK: 0b1000,
        DELMASK: 0b100,
        OVERTAKE: true,
        DUPS: 1,
      },
      ...{ PUB: true, PDUPS: 1, CLEANS: 1, LOG: 15, BOUNDED: true },
    },
  },
  {
    name: 'two output partitions, late and doubled publishes',
    file: 'outputs.pml',
    rules: 'J5',
    defines: {},
  },
  {
    name: 'who may fence, three rebalances',
    file: 'members.pml',
    rules: 'J5a',
    defines: {},
    isQuick: true,
  },
  {
    name: 'fused edges over two deploys',
    file: 'fused.pml',
    rules: 'J6',
    defines: {},
    isQuick: true,
  },
  { name: 'marks of our records', file: 'marks.pml', rules: 'J7a', defines: { KIND: 1 } },
  { name: 'marks of SDK records', file: 'marks.pml', rules: 'J7a', defines: { KIND: 2 } },
  {
    name: 'foreign event ids, dead letters',
    file: 'marks.pml',
    rules: 'J7a',
    defines: { KIND: 3 },
  },
  {
    name: 'healing of a read model',
    file: 'read-model.pml',
    rules: 'J9b',
    defines: {},
    isQuick: true,
  },
];
