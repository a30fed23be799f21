export { EventStore } from './event-store.ts';
export type { AppendBatch, PositionMove, SinkPartition, SinkPosition } from './event-store.ts';
export { MIGRATIONS_DIRECTORY, migrate, MigrationError } from './migrate.ts';
export type { MigrationErrorCode, MigrationReport } from './migrate.ts';
export { StoreError } from './store-error.ts';
export type { StoreErrorCode, StoreReaction } from './store-error.ts';
export type { StoredEvent, WireEvent } from './stored-event.ts';
