export type {
  BotAppendReport,
  BotBatch,
  BotOrigin,
  BotReject,
  BotRow,
  SentStatement,
} from './bot-rows.ts';
export { type EventPart, eventParts } from './bot-rows.ts';
export { BotStore, type ChainEvent } from './bot-store.ts';
export { Database } from './database.ts';
export { EventStore } from './event-store.ts';
export type { AppendBatch } from './event-store.ts';
export { MIGRATIONS_DIRECTORY, migrate, MigrationError, ROLES_FILE } from './migrate.ts';
export type { MigrationErrorCode, MigrationReport } from './migrate.ts';
export { StoreError } from './store-error.ts';
export type { StoreErrorCode, StoreReaction } from './store-error.ts';
export type { StoredEvent, WireEvent } from './stored-event.ts';
export type { PositionMove, SinkPartition, SinkPosition } from './sink-positions.ts';
export {
  type BotCounts,
  type BotExposure,
  type BotLag,
  type BotOrders,
  type BotReportQuery,
  botReportRows,
  type BotReportRows,
  type BotSnapshot,
  type LogGap,
  MAX_LISTED,
  type MissingSequences,
  type OrderFills,
} from './bot-report.ts';
