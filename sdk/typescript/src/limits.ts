/** Every bound of the SDK, with its unit and its reason. */
export const LIMITS = {
  /** How long an emit waits for room under the policy `block`. */
  blockMs: 10_000,
  /** What is not acknowledged yet, with a spool: more than half an hour of 100 events a second. */
  spoolBytes: 256 * 1024 * 1024,
  /** The same without a spool: all of it is held in memory, and lost with the process. */
  memoryBytes: 32 * 1024 * 1024,
  /** Events held in memory besides the spool; what comes on top is read back from there. */
  windowBytes: 16 * 1024 * 1024,
  /** A file of the spool; acknowledged events leave the disk a file at a time. */
  segmentBytes: 8 * 1024 * 1024,
  /** Files with damaged bytes that stay in the folder, each no larger than a file of the spool; the newest. */
  damagedFiles: 8,
  /** One event as JSON: with unknown keys and raw bytes its record still fits a broker's default of 1 MiB. */
  eventBytes: 256 * 1024,
  /** One produce request, below a broker's default of 1 MiB for a record batch. */
  requestBytes: 700 * 1024,
  /** Records of one produce request: bounds how long the event loop is held. */
  requestRecords: 1_000,
  /** Events buffered before the event loop gets a turn: who emits without a pause would keep it from sending. */
  turnEvents: 1_000,
  /** Counted per record besides its value: key, headers, lengths. */
  recordOverheadBytes: 500,
  /** First pause after a failed request; doubles up to `retryMaxMs`. */
  retryMs: 100,
  retryMaxMs: 2_000,
  /** Between two writings of what is acknowledged: after a crash this much is sent again, and known by its numbers. */
  checkpointMs: 200,
  /** `flush` and `close` wait no longer without being told to. */
  flushMs: 30_000,
  /** Between two records that say what was acknowledged (sdk/README.md). */
  sentEveryMs: 10_000,
  /** What is under way at the end of `close` is waited for no longer. */
  closeMs: 1_000,
} as const;
