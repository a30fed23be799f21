import { counter, events, schemas } from './count-topology.ts';

/* Count and emit, with the last value of each key kept in its state: how much a state of some hundred bytes costs. */

export const topology = { application: 'bench.keep', actors: [counter(true)], events };
export { schemas };
