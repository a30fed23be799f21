import { CATALOGUE_RECORDS, journalRecords, type TopicRecord } from '../avro/index.ts';

/** The applications of this repository, by consumer group, in either deployment. */
export const APPLICATIONS = [
  'planner.workers',
  'risk.workers',
  'acceptance.workers',
  'orchestrator.workers',
  'state-coordinator',
];

/** Everything that apps put on topics: what the registry has to know. */
export const ALL_RECORDS: readonly TopicRecord[] = [
  ...CATALOGUE_RECORDS,
  ...APPLICATIONS.flatMap(journalRecords),
];
