/**
 * Every bound of the shell on what waits in memory, with its unit and its reason; those of the engine itself are
 * in `engine/limits.ts`. A slow broker, sink or effect fills the queue behind it, and a full queue stops what
 * fills it: publisher → the task's next batch → its source queues → the fetcher.
 */
export const SHELL_LIMITS = {
  /** Fetched records that may wait in front of a task, per class of sources; past it they are not fetched, */
  queueRecords: 5_000,
  /** and their bytes: one fetched megabyte more may come on top, as a fetch is taken whole. */
  queueBytes: 16 * 1024 * 1024,
  /** Emits that may wait before a task takes no more input, */
  publishRecords: 10_000,
  /** and their bytes. */
  publishBytes: 32 * 1024 * 1024,
  /** Records of one publish request and one output. */
  requestRecords: 2_000,
  /**
   * Bytes of one publish request and one output, a larger single record apart: the broker's limit of 1 MiB
   * (max.message.bytes) is one of the record batch, and what it refuses stops the task.
   */
  requestBytes: 1000 * 1000,
  /** Effects that may be open in a task before it takes no more input: each is held in memory until its result. */
  openEffects: 5_000,
  /** Milliseconds of one attempt of an effect that names no `timeoutMs`. */
  effectMs: 600_000,
  /** How long what is cancelled may take to settle: by then the key's next effect, or owner, goes on. */
  effectGraceMs: 5_000,
  /** Terms in a row that may end with an error that nothing names: a task that never gets on stops. */
  unknownErrors: 30,
  /** How long a task may have work and not move before its term is ended: beyond every time-out of a request. */
  stallMs: 30_000,
  /** How often watermarks that no batch has taken along are journaled by themselves (J5). */
  watermarkRefreshMs: 60_000,
  /** How often the own partitions of read models are looked through for what came late (J9b), */
  lookMs: 60_000,
  /** how many of their records at a time, */
  healRecords: 50_000,
  /** and how many keys that are out of place are remembered until they are healed. */
  healKeys: 10_000,
  /** Records of a tail read on takeover; past it the whole tail is published again, and counted (J5). */
  tailRecords: 10_000,
  /** Confirmed batches that may wait for the local store before a task takes no more input. */
  storeBatches: 32,
  /** Changes of one write to it, a larger batch apart: bounds the time the event loop is held (J5a). */
  storeWriteChanges: 2_000,
  /** Fetched bytes that may wait in a follower of a journal; one fetched megabyte more may come on top. */
  standbyBytes: 4 * 1024 * 1024,
  /** Times in a row that the store of a follower may fail before it follows no more. */
  standbyStoreFailures: 3,
  /**
   * Bytes that a sink has fetched and its store has not taken yet: it fetches nothing more before. Of one leader, and one record
   * batch more where that is larger.
   */
  sinkBytes: 8 * 1024 * 1024,
  /** How often a restore begins anew because what it reads was deleted meanwhile, or its store was another's. */
  restoreAttempts: 5,
  /** How often the end of a journal is looked up when it is lower than what the local store has read, */
  journalEndTries: 4,
  /** and milliseconds between two looks. */
  journalEndMs: 500,
  /** Milliseconds of a read of a log between two looks at the event loop (J5a). */
  breathEveryMs: 20,
  /** Milliseconds of a tail read. */
  tailMs: 2_000,
} as const;
