export { BOT_RULES } from './bot-rules.ts';
export type { BotFieldKind, BotFieldRule, BotRuleCode, BotRules } from './bot-rules.ts';
export {
  BOT_EVENTS,
  BOT_RECORDS,
  CATALOGUE_RECORDS,
  CHAIN_EVENTS,
  CatalogueError,
  eventDefinition,
  eventTopics,
  journalRecords,
  MARKET_EVENTS,
  POSITION_EVENTS,
  READ_MODELS,
  subjectOf,
  TRADING_EVENTS,
} from './catalogue.ts';
export type { TopicRecord } from './catalogue.ts';
export { AvroCodec } from './codec.ts';
export type { AvroCodecOptions, OfflineOptions } from './codec.ts';
export { envelope, EnvelopeError, newEvent, toEnvelope } from './envelope.ts';
export type { EnvelopeOptions } from './envelope.ts';
export { eventHeaders } from './headers.ts';
export {
  createUlidGenerator,
  IdError,
  isUlid,
  isUuid,
  newCorrelationId,
  parseCorrelationId,
} from './ids.ts';
export type { UlidGenerator } from './ids.ts';
export { isoMicros, microsFromIso, TimeError } from './micros.ts';
export { checkSubject, registerSubject } from './register.ts';
export type { SubjectState } from './register.ts';
export { RegistryError, SchemaRegistry } from './registry.ts';
export type { Compatibility, RegistryErrorCode, RegistryOptions } from './registry.ts';
export { eventSchema, extendSchemas, loadSchemas } from './schemas.ts';
export type { NamedSchema, Schema, SchemaField, Schemas } from './schemas.ts';
export { joinPayload, splitPayload } from './payload.ts';
export type { SplitPayload } from './payload.ts';
export { moduleRecords } from './topology-module.ts';
export type { TopologyModule } from './topology-module.ts';
export { fromWire, toWire } from './wire.ts';
export type { WireEvent } from './wire.ts';
export type { EventEnvelope } from './generated/envelope.ts';
export type { BotsPayloads } from './generated/bots.ts';
export type {
  NonceGivenPayload,
  NonceSettledPayload,
  NonceWantedPayload,
} from './generated/chain.ts';
export type { MarketPayloads, PoolSnapshotPayload } from './generated/market.ts';
export type { IntentEndedPayload, IntentOutcome } from './generated/position.ts';
export type {
  ExecCompletedPayload,
  ExecFailedPayload,
  ExecStartedPayload,
  ExecStepFilledPayload,
  ExecStepSubmittedPayload,
  IntentAcceptedPayload,
  IntentSubmittedPayload,
  PlanCreatedPayload,
  PlanRejectedPayload,
  PlanStep,
  RiskApprovedPayload,
  RiskRejectedPayload,
  TradingPayloads,
} from './generated/trading.ts';
export type {
  Intent as IntentReadModel,
  IntentState,
  IntentSummary,
  Plan as PlanReadModel,
  PlanStatus,
  Positions as PositionsReadModel,
} from './generated/readmodel.ts';
