import type { KafkaClientOptions } from './client.ts';

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
  /** Tasks that append over one connection: a request that times out ends the terms of them all (F25). */
  tasksPerProducer: 16,
  /** Effects that may be open in a task before it takes no more records: each is held in memory until its result. */
  openEffects: 5_000,
  /** Milliseconds of one attempt of an effect that names no `timeoutMs`. */
  effectMs: 600_000,
  /** How long what is cancelled may take to settle: by then the key's next effect, or owner, goes on. */
  effectGraceMs: 5_000,
  /** How often group offsets are committed, where the options say nothing else: they are for lag displays only (J4). */
  commitEveryMs: 5_000,
  /** Terms in a row that may end with an error that nothing names: a task that never gets on stops. */
  unknownErrors: 30,
  /** How long a task may have work and not move before its term is ended: beyond every time-out of a request. */
  stallMs: 30_000,
  /** How long a task that is told to stop may take to publish what it has handled, and to journal that it has; */
  drainMs: 5_000,
  /** how long a member that is told to stop may take with all of it, until its last requests and effects have ended; */
  finishMs: 6_500,
  /** and how long then for its last group offsets, */
  lastCommitMs: 1_000,
  /** and to close its connections. All together below the 10 s after which Docker kills a container. */
  closeMs: 2_000,
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
  /** Their changes: a restore hands over those of a fetched megabyte at once, */
  storeChanges: 32_000,
  /** Milliseconds in which they gather for one write: what a process that dies has to read once more from its journal. */
  storeGatherMs: 100,
  /** Changes of one write to it, a larger batch apart: bounds the time the event loop is held (J5a). */
  storeWriteChanges: 4_000,
  /** Fetched bytes that may wait in a follower of a journal; one fetched megabyte more may come on top. */
  standbyBytes: 4 * 1024 * 1024,
  /** Times in a row that the store of a follower may fail before it follows no more. */
  standbyStoreFailures: 3,
  /**
   * Bytes that a sink has fetched and its store has not taken yet: it fetches nothing more before. Of one leader, and one record
   * batch more where that is larger.
   */
  sinkBytes: 8 * 1024 * 1024,
  /** How often a sink asks whether its store still stands where it left it (a flush, an old copy). */
  sinkRecheckMs: 5_000,
  /** Milliseconds that a broker may take to tell of a topic that the controller has. */
  topicListedMs: 30_000,
  /** Bytes of one answer where a journal's first fence and first batch are looked for, and nothing else, */
  firstBatchBytes: 64 * 1024,
  /** and milliseconds that the broker may wait for them. */
  firstBatchWaitMs: 500,
  /** Milliseconds that a member waits for more of what it has to tell before it joins its group once more for it (J5b). */
  tellAnewMs: 500,
  /** How often a restore begins anew because what it reads was deleted meanwhile, or its store was another's. */
  restoreAttempts: 5,
  /** How often the end of a journal is looked up when it is lower than what the local store has read, */
  journalEndTries: 4,
  /** and milliseconds between two looks. */
  journalEndMs: 500,
  /** How long a log may end before what was acknowledged: a new leader knows a moment later than the old one how far all have come. */
  shortLogMs: 3_000,
  /** Milliseconds of a read of a log between two looks at the event loop (J5a). */
  breathEveryMs: 20,
  /** Milliseconds of a long poll of sources, in a task or a sink: bounds how late one that was full, or is new, is asked for. */
  longPollMs: 100,
  /** Milliseconds in which a task's own records gather in the topics that it reads, while nobody else writes there, */
  echoMs: 20,
  /** and for which somebody who has written there is expected to write again: then all is fetched as it comes. */
  othersMs: 10_000,
  /** Milliseconds in which records gather before the next fetch while the process is busy, where the last one brought some, */
  gatherMs: 4,
  /** and fewer than this: what is large is worth its requests. */
  gatherRecords: 64,
  /** Share of its time in which the event loop has work, from which on a process is busy, */
  busyShare: 0.4,
  /** and over how many milliseconds it is looked at. */
  busyWindowMs: 50,
  /** Milliseconds of a tail read. */
  tailMs: 2_000,
} as const;

/** Bounds of both adapters of the client port, so that they behave alike; what is shared, in flight or looked up anew is of `platformatic/`. */
export const CLIENT_LIMITS = {
  /** Milliseconds of a request and its answer, where the client's options say nothing else: past it its fate is unknown (F25). */
  requestMs: 10_000,
  /** Milliseconds to connect: a broker that is there answers in one, and others may be asked meanwhile. */
  connectMs: 3_000,
  /** Bytes of one answer to a fetch, where it says nothing else: of all its partitions together, */
  fetchBytes: 8 * 1024 * 1024,
  /** and of one of them. A larger single batch comes whole. */
  fetchPartitionBytes: 1024 * 1024,
  /** Bytes of calls that share one produce request: what is large is worth one of its own, and goes out while the next is made. */
  sharedBytes: 32 * 1024,
  /** Records of one call that may share one: to look for a partition that two of them name must cost next to nothing. */
  sharedRecords: 64,
  /**
   * Milliseconds that a small call waits at most for the answer to the request under way, to share the next with what is called
   * meanwhile. A broker takes the requests of a connection one after another, so what waits here would wait there.
   */
  shareWaitMs: 5,
  /** Produce requests on one connection that wait for their answers; further ones wait here. */
  requestsInFlight: 100,
  /** Connections of a reader: a task restores, checks its journal and reads a tail in turn, so one for each of 16 tasks. */
  readerConnections: 16,
  /** Milliseconds a member is given to come back to a rebalance; the broker's answer to a join may take as long. */
  rebalanceMs: 10_000,
  /** Milliseconds after which a member looks its coordinator up anew: it moves without an error that would make the library do so. */
  coordinatorAgeMs: 30_000,
  /** Milliseconds of a LeaveGroup: without it the session ends by itself. */
  leaveMs: 2_000,
  /** Milliseconds before a lost membership is sought again, at first, */
  rejoinMs: 200,
  /** and at most: longer than this nobody waits for a broker that is back. */
  rejoinMostMs: 5_000,
} as const;

/** Milliseconds of one request of a client. */
export function requestTimeoutOf({ requestTimeoutMs }: KafkaClientOptions): number {
  return requestTimeoutMs ?? CLIENT_LIMITS.requestMs;
}
