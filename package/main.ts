/*
 * "millrace": what an actor, its topology and its records are made of. Nothing here acts but `AvroCodec`, which asks
 * the registry.
 */
export {
  actor,
  cancelTimer,
  deadLetter,
  event,
  readModel,
  reply,
  setTimer,
  tell,
} from '../engine/actor.ts';
export type {
  Actor,
  Context,
  DeadLetterEmit,
  Decision,
  EffectHandlers,
  EffectRequest,
  EffectResult,
  Emit,
  EventCause,
  EventEmit,
  Firing,
  Handlers,
  KeptMessage,
  Message,
  ReadModelEmit,
  ReplyAddress,
  StateSpec,
  TimerHandlers,
  TimerRequest,
} from '../engine/actor.ts';
export { CodecError } from '../engine/codec.ts';
export type { Codec, CodecErrorCode } from '../engine/codec.ts';
export { deployTopology } from '../engine/deployment.ts';
export type { Deployment } from '../engine/deployment.ts';
export { EffectFailure } from '../engine/effect-failure.ts';
export type { FailureKind } from '../engine/effect-failure.ts';
export { EngineError } from '../engine/errors.ts';
export type { EngineErrorCode, Reaction } from '../engine/errors.ts';
export type {
  Envelope,
  EventDefinition,
  EventRecord,
  Family,
  Headers,
  Micros,
  Priority,
  ReadModelDefinition,
} from '../engine/event.ts';
export { LIMITS } from '../engine/limits.ts';
export { buildTopology } from '../engine/topology.ts';
export type {
  FailurePolicy,
  ReferenceDefinition,
  Topology,
  TopologyDefinition,
} from '../engine/topology.ts';
export { AvroCodec, eventHeaders, eventSchema, moduleRecords, newEvent } from '../avro/index.ts';
export type {
  AvroCodecOptions,
  EnvelopeOptions,
  NamedSchema,
  OfflineOptions,
  Schema,
  SchemaField,
  Schemas,
  TopicRecord,
  TopologyModule,
} from '../avro/index.ts';
