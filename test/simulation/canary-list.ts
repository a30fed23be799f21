import type { Mutation } from '../support/mutant.ts';

export interface Canary extends Mutation {
  readonly what: string;
}

const TERM = 'kafka/term.ts';
const JOURNAL_LOG = 'kafka/journal-log.ts';
const PUBLISHER = 'kafka/publisher.ts';
const RESTORE = 'kafka/restore.ts';
const REPUBLISH = 'kafka/republish.ts';
const LOSS = 'kafka/source-loss.ts';
const READER = 'engine/journal-reader.ts';
const TASK = 'engine/task.ts';
const INTAKE = 'engine/record-intake.ts';
const HANDLING = 'engine/handling.ts';
const STATE = 'engine/task-state.ts';
const DEDUPE = 'engine/dedupe.ts';
const CLEANER = 'kafka/journal-cleaner.ts';
const ROWS = 'engine/live-rows.ts';
const LANES = 'kafka/effect-lanes.ts';
const RUNNER = 'kafka/effect-runner.ts';

/** What follows it happens before the append. */
const APPEND = `  async #append(task: Task, batch: Batch): Promise<void> {\n`;

/** Each switches off one rule by a change of a line; the simulation has to notice every one. */
export const CANARIES: readonly Canary[] = [
  {
    rule: 'J1',
    what: 'emits are published before their batch is confirmed',
    file: TERM,
    find: APPEND,
    replace: `${APPEND}    this.#publisher.enqueue(batch.n, batch.emits);\n`,
  },
  {
    rule: 'J1',
    what: 'positions are told to the group before their batch is confirmed',
    file: TERM,
    find: APPEND,
    replace: `${APPEND}    for (const each of batch.positions) this.#confirmed.set(each.topic, each);\n`,
  },
  {
    rule: 'J1',
    what: 'what stands before an acknowledged append is not read',
    file: JOURNAL_LOG,
    find: 'if (offset > this.#expected) await',
    replace: 'if (offset < -1) await',
  },
  {
    rule: 'J2',
    what: 'a batch is valid whatever fence it names',
    file: READER,
    find: 'return batch.fence === this.lastFence?.offset && batch.n',
    replace: 'return batch.n',
  },
  {
    rule: 'J2',
    what: 'a batch is valid whatever its n',
    file: READER,
    find: 'offset && batch.n === this.state.n + 1;',
    replace: 'offset;',
  },
  {
    rule: 'J3',
    what: 'a base below the expected one is taken',
    file: JOURNAL_LOG,
    find: 'if (offset < this.#expected) throw',
    replace: 'if (offset < -1) throw',
  },
  {
    rule: 'J3a',
    what: 'an append of unknown fate counts as confirmed',
    file: JOURNAL_LOG,
    find: `    if (result?.result === 'confirmed') return result.baseOffset;`,
    replace:
      `    if (result?.result === 'confirmed') return result.baseOffset;\n` +
      `    if (result?.result === 'unknown' && this.#expected >= 0) return this.#expected;`,
  },
  {
    rule: 'J4',
    what: 'a position outside of the log is read on from',
    file: LOSS,
    find: `if (position.offset < bounds.start) return { ...of, lost: 'start' };\n  return position.offset > bounds.end ?`,
    replace: 'return position.offset < -1 ?',
  },
  {
    rule: 'J4',
    what: 'a topic made anew counts as the same',
    file: LOSS,
    find: 'if (position.topic_id !== topicId) return',
    replace: `if (position.topic_id === '') return`,
  },
  {
    rule: 'J5',
    what: 'what was not acknowledged is not sent again',
    file: PUBLISHER,
    find: `if (result.result !== 'confirmed' || output === undefined) return false;`,
    replace:
      `if (result.result === 'unknown') output?.waiting.splice(0, sent.length);\n` +
      `    if (result.result !== 'confirmed' || output === undefined) return false;`,
  },
  {
    rule: 'J5',
    what: 'two requests of one output are in flight',
    file: PUBLISHER,
    find: 'if (output.isUnderWay || output.waiting.length === 0) continue;',
    replace: 'if (output.waiting.length === 0) continue;',
  },
  {
    rule: 'J5',
    what: 'nothing is published again on takeover',
    file: REPUBLISH,
    find: '.filter(([, rest]) => rest.length > 0)',
    replace: '.filter(([, rest]) => rest.length < 0)',
  },
  {
    rule: 'J5',
    what: 'an output that holds anything of its own counts as complete',
    file: REPUBLISH,
    find: 'last === null || isAfter(n, emit.index, last.n, last.index)',
    replace: 'last === null && isAfter(n, emit.index, -1, -1)',
  },
  {
    rule: 'J5c',
    what: 'an effect is performed by whoever owned the task some time ago',
    file: TERM,
    find: 'this.#journal.confirmedAgeMs <= surroundings.sessionTimeoutMs / 2',
    replace: 'this.#journal.confirmedAgeMs >= 0',
  },
  {
    rule: 'J6',
    what: 'what was handled in the chain is handled again when it comes back',
    file: INTAKE,
    find: 'if (header === undefined || origin === null) return NONE;',
    replace: 'if (header !== undefined || origin === null) return NONE;',
  },
  {
    rule: 'J7',
    what: 'what is told takes a number of its correlation',
    file: 'engine/emit-encoder.ts',
    find: '{ index: each.index, step: 0 }',
    replace: '{ index: each.index, step: 1 }',
  },
  {
    rule: 'J7',
    what: 'what is told is a cause in its correlation',
    file: 'engine/message.ts',
    find: 'eventId: step ?? message.eventId',
    replace: 'eventId: message.eventId',
  },
  {
    rule: 'J7',
    what: 'what has come waits in no order',
    file: 'kafka/source-intake.ts',
    find: 'deliver(topic: string, topicId: string, records: readonly FetchedRecord[]): void {',
    replace:
      'deliver(topic: string, topicId: string, records: readonly FetchedRecord[]): void {\n' +
      '    records = [...records].reverse();',
  },
  {
    rule: 'J7',
    what: 'a replay forgets what is parked',
    file: STATE,
    find: 'for (const change of batch.parked) this.applyParked(change);',
    replace: '',
  },
  {
    rule: 'J7',
    what: 'a replay forgets open effects',
    file: STATE,
    find: 'for (const change of batch.effects) this.applyEffect(change);',
    replace: '',
  },
  {
    rule: 'J7a',
    what: 'own records that come twice are handled twice',
    file: DEDUPE,
    find: 'if (mark !== undefined && !isAfter(origin.n, origin.index, mark.n, mark.index)) return',
    replace: 'if (mark !== undefined && mark.n < 0) return',
  },
  {
    rule: 'J7a',
    what: 'what an SDK sends twice is handled twice',
    file: DEDUPE,
    find: 'if (taken.mark === null) return false;',
    replace: 'if (taken.mark === null) return true;',
  },
  {
    rule: 'J7a',
    what: 'foreign events that come twice are handled twice',
    file: DEDUPE,
    find: 'if (this.#state.seen.get(key)?.has(id) === true) return',
    replace: 'if (this.#state.seen.get(key)?.has(id) === null) return',
  },
  {
    rule: 'J7b',
    what: 'keys of other partitions are taken',
    file: INTAKE,
    find: 'if (right === partition) return null;',
    replace: 'if (right >= 0) return null;',
  },
  {
    rule: 'J9a',
    what: 'of batches that are written together only the first changes anything',
    file: 'kafka/store-keeper.ts',
    find: 'for (const { taken } of portion)',
    replace: 'for (const { taken } of portion.slice(0, 1))',
  },
  {
    rule: 'J9a',
    what: 'what was published is read again from the checkpoint on, and not from where it may be missing',
    file: RESTORE,
    find: 'const emitsFrom = journal.emitFloor.place ?? before;',
    replace: 'const emitsFrom = before;',
  },
  {
    rule: 'J9a',
    what: 'a store is written on though a write of it has failed',
    file: 'kafka/store-keeper.ts',
    find: 'this.#onFailed(this.#failure);',
    replace: 'this.#failure = null;',
  },
  {
    rule: 'J9b',
    what: 'nobody looks at read models again',
    file: TERM,
    find: 'this.#healer?.lookIfDue();',
    replace: '',
  },
  {
    rule: 'J8',
    what: 'an effect is performed before its wish is confirmed',
    file: TERM,
    find: APPEND,
    replace: `${APPEND}    this.#effects.confirmed(batch.effects, task.state.effects);\n`,
  },
  {
    rule: 'K-01',
    what: 'effects of one key are performed at once',
    file: LANES,
    find: 'return at === 0 || lane.length === 1;',
    replace: 'return true;',
  },
  {
    rule: 'K-01',
    what: 'an effect begins before the result of the one before it is journaled',
    file: RUNNER,
    find: 'this.#told.add(name);',
    replace: 'this.#settle(effect.actor, effect.key, name);',
  },
  {
    rule: 'J8a',
    what: 'what follows a parked message is handled',
    file: HANDLING,
    find: 'if (this.isBlocked(actor.name, message.key)) return',
    replace: `if (this.isBlocked(actor.name, '')) return`,
  },
  {
    rule: 'J8',
    what: 'a timer fires, and a blocked key is tried, before it is due',
    file: TASK,
    find: 'if (first === null || first.at > this.#state.time || this.isFull) return taken;',
    replace:
      'if (first === null || first.at > this.#state.time + 100_000 || this.isFull) return taken;',
  },
  {
    rule: 'J8',
    what: 'a replay forgets timers',
    file: STATE,
    find: 'for (const change of batch.timers) this.applyTimer(change);',
    replace: '',
  },
  {
    rule: 'J8',
    what: 'the firing of a timer is not journaled',
    file: TASK,
    find: `this.#batch.timer({ actor: name, key, name: timer.name, due: null, setter: '' });`,
    replace: 'this.#state.timers.delete(timerKey(name, key, timer.name));',
  },
  {
    rule: 'J8',
    what: 'what waits is forgotten with its owner',
    file: STATE,
    find: `if (at !== null) this.due.add`,
    replace: `if (at !== null && this.n > 0 && at < 0) this.due.add`,
  },
  {
    rule: 'J8a',
    what: 'a ladder never ends',
    file: HANDLING,
    find: 'const attempt = queue.attempt + 1;',
    replace: 'const attempt = Math.min(queue.attempt + 1, 2);',
  },
  {
    rule: 'J8a',
    what: 'what failed again lets the next of its key pass',
    file: HANDLING,
    find: 'this.#wait(actor, key, error, attempt, due);\n    this.#noteRetry(head',
    replace: 'this.shift(actor, key);\n    this.#noteRetry(head',
  },
  {
    rule: 'J8a',
    what: 'a drop takes whatever waits by then',
    file: TASK,
    find: 'if (head?.eventId !== eventId) return;',
    replace: 'if (head === undefined) return;',
  },
  {
    rule: 'J8a',
    what: 'who is released is forgotten',
    file: HANDLING,
    find: `this.batch.park({ actor, key, act: 'wait', code, reason, message: null, attempt: 0, due });`,
    replace: `this.batch.park({ actor, key, act: 'wait', code, reason, message: null, attempt: 0, due: null });`,
  },
  {
    rule: 'J7a',
    what: 'a dead letter that comes back counts as a copy of its event',
    file: DEDUPE,
    find: 'const id = letterOf(headers) ?? eventId;',
    replace: 'const id = eventId;',
  },
  {
    rule: 'J7a',
    what: 'a dead letter that comes back twice is handled twice',
    file: DEDUPE,
    find: 'if (batch.seen({ key, event_id: id }))',
    replace: 'if (letterOf(headers) === null && batch.seen({ key, event_id: id }))',
  },
  {
    rule: 'J9',
    what: 'the log begins at an anchor before everything live is put again behind it',
    file: CLEANER,
    find: 'if (isLast) state.applyAnchored(told);',
    replace: 'state.applyAnchored(told);',
  },
  {
    rule: 'J9',
    what: 'emits that nobody has seen are deleted',
    file: CLEANER,
    find: 'offset <= uncovered &&',
    replace: '',
  },
  {
    rule: 'J9',
    what: 'open effects are not put again',
    file: ROWS,
    find: 'for (const effect of state.effects.values()) yield effectRow(effect);',
    replace: '',
  },
  {
    rule: 'J9',
    what: 'seen ids are not put again',
    file: ROWS,
    find: 'yield* seenSets(state, store);',
    replace: '',
  },
  {
    rule: 'J9',
    what: 'an anchor does not say what was read',
    file: CLEANER,
    find: 'positions: [...state.positions.values()],',
    replace: 'positions: [],',
  },
  {
    rule: 'J9',
    what: 'blocked queues are not put again',
    file: ROWS,
    find: 'for (const [id, queue] of state.parked) yield parkedRow(id, queue);',
    replace: '',
  },
];
