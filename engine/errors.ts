/** What the runner does about an error of the engine. A closed choice; code never reads message texts. */
export type Reaction = 'dead-letter' | 'park' | 'retake' | 'stop';

export type EngineErrorCode =
  | 'TOPOLOGY_INVALID'
  | 'UNKNOWN_REFERENCE'
  | 'UNKNOWN_EMIT'
  | 'EMIT_INVALID'
  | 'EMIT_TOO_LARGE'
  | 'TIMER_INVALID'
  | 'CHAIN_TOO_LONG'
  | 'STATE_INVALID'
  | 'STATE_TOO_NEW'
  | 'HANDLER_THREW'
  | 'PARK_FULL'
  | 'DATA_LOSS'
  | 'TOPIC_MISSING'
  | 'DEPLOYMENT_CHANGED'
  | 'EDGES_CHANGED'
  | 'FENCED'
  | 'STALLED'
  | 'STOP_UNFINISHED'
  | 'UNEXPECTED'
  | 'APPEND_UNKNOWN'
  | 'APPEND_REFUSED'
  | 'PUBLISH_REFUSED'
  | 'JOURNAL_LOST_RECORDS'
  | 'JOURNAL_UNREADABLE'
  | 'STORE_FAILED'
  | 'STORE_FOREIGN'
  | 'STORE_LOCKED';

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;
  readonly reaction: Reaction;
  constructor(code: EngineErrorCode, reaction: Reaction, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reaction = reaction;
  }
}

/** What an actor emits and its topology does not know: its key is parked. */
export function unknownEmit(actor: string, name: string): EngineError {
  return new EngineError(
    'UNKNOWN_EMIT',
    'park',
    `${actor} emits '${name}', which it does not declare; add it to its 'emits' and to the topology.`,
  );
}
