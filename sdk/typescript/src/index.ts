export { BotError } from './bot-error.ts';
export type { BotErrorCode, FieldProblem } from './bot-error.ts';
export { BotProducer } from './bot-producer.ts';
export type { BotIdentity } from './event-builder.ts';
export type { BotProducerOptions, BotProducerStatus, Chain, Emit } from './bot-producer.ts';
export { problemOf } from './check.ts';
export type {
  BotEvent,
  BotEventType,
  BotPayloads,
  Decimal,
  EmitOptions,
  Emitted,
  OrderCancelled,
  OrderCreated,
  OrderFailed,
  OrderFilled,
  RiskDecision,
  StateSnapshot,
  Upstream,
} from './event.ts';
export type { WhenFull } from './outbox.ts';
