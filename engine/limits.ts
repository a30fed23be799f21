/** Every bound of the engine, with its unit and its reason. */
export const LIMITS = {
  /** Event ids remembered per key for records of foreign producers; part of the promise (J7a). */
  seenIdsPerKey: 4096,
  /** Producers with marks in a task, all its sources together; the one not heard of for longest goes first (J7a). */
  producersPerTask: 10_000,
  /** Ranges of sequences held per producer and partition; a gap more, and the oldest one is given up (J7a). */
  rangesPerProducer: 128,
  /** How long a producer's sequence may be missing before it is reported (J7a). */
  producerGapMicros: 30_000_000,
  /** Messages behind one blocked (actor, key); past it the task pauses and says so (J8a). */
  parkedMessagesPerKey: 10_000,
  /** Bytes of JSON behind one blocked (actor, key). */
  parkedBytesPerKey: 16 * 1024 * 1024,
  /** Finished anchors that a task knows: where its journal may begin (J9). */
  anchors: 64,
  /** Timers set in one task: each is held in memory. */
  timersPerTask: 200_000,
  /** Emits that one input may cause, chain included: a loop in a topology must not hang its task. */
  emitsPerInput: 1_024,
  /** Value and headers of one emit; below Kafka's default max.message.bytes of 1 MiB. */
  emitBytes: 900 * 1024,
  /** States and emits of one input: with one such input a journal record still fits its topic. */
  inputBytes: 4 * 1024 * 1024,
  /** A batch is sealed when it holds this much; journals take records of up to 16 MiB. */
  batchBytes: 1024 * 1024,
  /** Inputs of one batch: bounds the time the event loop is held. */
  batchInputs: 500,
  /** Skipped records after which their positions are journaled even though nothing was handled. */
  skippedBeforeBatch: 10_000,
  /** Memory for the states used last, per task with a store; the others are read from it. */
  cachedStateBytes: 4 * 1024 * 1024,
  /** Memory for the seen ids used last, per task with a store; 100 bytes are counted per id. */
  cachedSeenBytes: 2 * 1024 * 1024,
} as const;
