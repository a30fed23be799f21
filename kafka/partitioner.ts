export { partitionOf } from './platformatic/partitioner.ts';
