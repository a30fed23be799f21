/** What doctor says: `wrong` makes its exit code 1, `note` is worth knowing and may stay. */
export interface Finding {
  readonly level: 'note' | 'wrong';
  /** Closed list; docs/guides/operations.md has a row for each. */
  readonly code:
    | 'TOPIC_MISSING'
    | 'TOPIC_DIFFERS'
    | 'LOG_MAY_FORGET'
    | 'SERVICE_AWAY'
    | 'SERVICE_UNHEALTHY'
    | 'EVENT_LOOP_LATE'
    | 'WATCHDOG_FIRED'
    | 'GROUP_EMPTY'
    | 'GROUP_REBALANCING'
    | 'TASK_STALLED'
    | 'TASK_LAG'
    | 'DATA_LOSS'
    | 'VOID_BATCHES'
    | 'KEYS_PARKED'
    | 'DEAD_LETTERS'
    | 'SEQUENCE_GAP'
    | 'BOT_EVENTS_LOST'
    | 'BOT_EVENTS_REJECTED'
    | 'BOT_STORE_BEHIND';
  /** What it is about: an application's task, a topic, a service. */
  readonly where: string;
  readonly what: string;
  /** What can safely be done about it. */
  readonly remedy: string;
}
