import type {
  Actor,
  Context,
  Decision,
  EffectRequest,
  EffectResult,
  Emit,
  Message,
  TimerRequest,
} from '../../engine/actor.ts';
import type { Codec } from '../../engine/codec.ts';
import { COMMAND_RECORD, type Command } from '../../engine/command.ts';
import { derivedUuid, hashOf } from '../../engine/derived-id.ts';
import { type Envelope, type EventRecord, HEADER } from '../../engine/event.ts';
import type { Input, JournaledEmit } from '../../engine/journal.ts';
import { toMessage } from '../../engine/message.ts';
import { originOf } from '../../engine/origin.ts';
import type { Cause } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
import { BlockedKeys, type Waiting } from './blocked-model.ts';
import { handledAs, stepOf } from './event-identity.ts';
import { ExpectedBatch, same } from './expected-batch.ts';
import { PutAgain } from './put-again.ts';
import type { TrueBatch } from './truth.ts';

export interface TaskModelOptions {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly partition: number;
  readonly partitionOf: (key: string) => number;
  readonly recordAt: (topic: string, partition: number, offset: number) => FetchedRecord | null;
  /** An actor handled an event; a second time is a violation. */
  readonly onHandled: (actor: string, key: string, eventId: string) => void;
}

interface Work {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly actor: Actor<any>;
  readonly message: Message;
  /** Where its record stands; null: it comes from the chain. */
  readonly record: FetchedRecord | null;
}

interface SetTimer {
  readonly due: number;
  readonly data: unknown;
  readonly cause: Cause;
}

interface OpenEffect {
  readonly key: string;
  readonly request: EffectRequest;
  readonly cause: Cause;
  /** Attempts that count. */
  readonly failed: number;
}

/**
 * A plain model of one task: it takes the journal's word for the order of inputs, calls the handlers itself, and
 * wants every batch to say what it comes to. No dedupe, no batching, no recovery: those it only checks.
 */
export class TaskModel {
  readonly #in: TaskModelOptions;
  readonly states = new Map<string, string>();
  /** By `actor|key`. */
  readonly parked: BlockedKeys;
  /** By `actor|key|name`. */
  readonly timers = new Map<string, SetTimer>();
  readonly effects = new Map<string, OpenEffect>();
  readonly deadLettered = new Set<string>();
  readonly #references = new Map<string, string>();
  readonly #offsets = new Map<string, number>();
  #time = 0;
  #expected: ExpectedBatch | null = null;
  #work: Work[] = [];
  #root: Input | null = null;
  readonly #putAgain: PutAgain;

  constructor(options: TaskModelOptions) {
    this.#in = options;
    this.parked = new BlockedKeys(options.topology);
    this.#putAgain = new PutAgain(this);
  }

  /** Throws: AssertionError or Error that says where the batch and the model part. */
  take(batch: TrueBatch): void {
    if (batch.again !== null) return this.#putAgain.verify(batch);
    this.#putAgain.note(batch);
    const emits = batch.emits.filter((emit) => !this.#isDeadRecord(emit));
    this.#expected = new ExpectedBatch(batch, emits);
    this.#work = [];
    for (const { name, id, version, value } of batch.references)
      this.#references.set(`${name}|${id}|${version}`, value ?? 'null');
    for (const input of batch.inputs) this.#handle(input);
    same('work left over', this.#work, []);
    this.#expected.verify();
    this.#passTime(batch.time);
  }

  get #batch(): ExpectedBatch {
    if (this.#expected === null) throw new Error('there is no batch');
    return this.#expected;
  }

  /** A record that nothing can be made of is set aside with its place, and causes no input. */
  #isDeadRecord({ topic, headers }: JournaledEmit): boolean {
    const offset = headers['x-original-offset'];
    const isByActor = headers[HEADER.actor] !== undefined;
    if (!topic.startsWith('dlq.') || offset === undefined || isByActor) return false;
    const place = `${headers['x-original-topic']}/${headers['x-original-partition']}/${offset}`;
    if (this.deadLettered.has(place)) throw new Error(`${place} was dead-lettered twice`);
    this.deadLettered.add(place);
    return true;
  }

  #handle(input: Input): void {
    this.#passTime(input.time);
    if (input.kind === 'effect') return this.#handleResult(input);
    if (input.kind === 'timer') return this.#fire(input);
    if (input.kind === 'retry') return this.#retry(input);
    if (input.kind === 'command') return this.#obey(input);
    if (input.kind === 'record' && !this.#isSameRoot(input)) this.#begin(input);
    const next = this.#work.shift();
    if (next === undefined) throw new Error(`nothing causes ${describe(input)}`);
    const { actor, message, record } = next;
    same(
      'input',
      [input.actor, input.key, input.event_id],
      [actor.name, message.key, message.eventId],
    );
    const from = record?.headers[HEADER.redrivenFrom];
    this.#in.onHandled(actor.name, message.key, handledAs(message.eventId, from));
    const handler = actor.handles[message.type];
    if (handler === undefined) throw new Error(`${actor.name} does not handle ${message.type}`);
    this.#decide(actor, input, {
      key: message.key,
      eventId: message.eventId,
      cause: stepOf(message),
      event: { type: message.type, value: record?.value ?? null },
      handle: (state, context) => handler(state, message, context),
    });
  }

  /** A timer fires once, when it is due and not before. */
  #fire(input: Input): void {
    same('work left over', this.#work, []);
    const actor = this.#actor(input);
    const { name } = JSON.parse(input.data ?? '{}') as { readonly name: string };
    const id = `${actor.name}|${input.key}|${name}`;
    const timer = this.timers.get(id);
    if (timer === undefined) throw new Error(`timer ${id} is not set`);
    if (timer.due > input.time)
      throw new Error(`timer ${id} of ${timer.due} fires at ${input.time}`);
    this.timers.delete(id);
    this.#batch.timers.push([id, null]);
    this.#in.onHandled(actor.name, input.key, input.event_id);
    const handler = actor.timers?.[name];
    if (handler === undefined) throw new Error(`${actor.name} has no handler for timer ${name}`);
    const firing = { name, due: timer.due, data: timer.data };
    const { key, event_id: eventId } = input;
    this.#decide(actor, input, {
      ...{ key, eventId, cause: timer.cause, event: null },
      handle: (state, context) => handler(state, firing, context),
    });
  }

  /** The head of a blocked queue, when it is due and not before. */
  #retry(input: Input): void {
    same('work left over', this.#work, []);
    const actor = this.#actor(input);
    const id = `${actor.name}|${input.key}`;
    const queue = this.parked.get(id);
    const due = queue?.due ?? Number.POSITIVE_INFINITY;
    if (queue === undefined || due > input.time)
      throw new Error(`${id} is tried at ${input.time}, and due at ${due}`);
    const { head } = queue;
    same('head', input.event_id, head.eventId);
    const decision = this.#callHandler(actor, id, head.eventId, input, head.handle);
    if (decision === null) return this.parked.failAgain(this.#batch, id, input.time);
    this.parked.shift(this.#batch, id, input.time);
    this.#keep(actor, head, decision);
  }

  #obey(input: Input): void {
    same('work left over', this.#work, []);
    const record = this.#recordOf(input);
    const { record: name, value } = this.#in.codec.decode(record.value as Uint8Array);
    same('command', name, COMMAND_RECORD);
    const { act, actor, key, event_id: eventId, id: commandId } = value as Command;
    same('command', [input.actor, input.key, input.event_id], [actor, key, commandId]);
    this.#in.onHandled('control', key, commandId);
    const id = `${actor}|${key}`;
    if (act === 'release') this.parked.release(this.#batch, id, input.time);
    else this.parked.drop(this.#batch, id, { eventId, time: input.time });
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  #actor({ actor: name }: Input): Actor<any> {
    const actor = this.#in.topology.actors.find((each) => each.name === name);
    if (actor === undefined) throw new Error(`there is no actor ${name}`);
    return actor;
  }

  /** The further consumers of one record name the same place. */
  #isSameRoot({ topic, partition, offset }: Input): boolean {
    const root = this.#root;
    const isSame = root?.topic === topic && root.partition === partition && root.offset === offset;
    return isSame && this.#work.length > 0;
  }

  #begin(input: Input): void {
    same('work left over', this.#work, []);
    this.#root = input;
    const { topology, partition } = this.#in;
    const record = this.#recordOf(input);
    const message = this.#messageOf(record);
    const isOwn = originOf(record.headers)?.task === partition;
    const fused = isOwn ? (record.headers['fused'] ?? '').split(',') : [];
    const only = input.topic === topology.redrive ? record.headers[HEADER.actor] : undefined;
    for (const actor of topology.consumers.get(message.type) ?? [])
      if (
        !fused.includes(`${topology.application}/${actor.name}`) &&
        actor.name === (only ?? actor.name)
      )
        this.#work.push({ actor, message, record });
  }

  /** The record that an input names: of this task, and behind the one before. */
  #recordOf(input: Input): FetchedRecord {
    const { recordAt, partition } = this.#in;
    const topic = input.topic as string;
    const offset = input.offset as number;
    same('partition of the input', input.partition, partition);
    const last = this.#offsets.get(topic) ?? -1;
    if (offset <= last) throw new Error(`${topic}: ${offset} was handled after ${last}`);
    this.#offsets.set(topic, offset);
    const record = recordAt(topic, partition, offset);
    if (record === null) throw new Error(`${describe(input)} stands nowhere`);
    return record;
  }

  #handleResult(input: Input): void {
    same('work left over', this.#work, []);
    const result = JSON.parse(input.data ?? '{}') as EffectResult;
    const open = this.effects.get(result.id);
    if (open === undefined) throw new Error(`effect ${result.id} is not open`);
    if (!result.ok && result.kind !== 'final') {
      const failed = result.kind === 'target-down' ? open.failed : open.failed + 1;
      if (failed <= (open.request.ladderMs?.length ?? 0)) {
        this.effects.set(result.id, { ...open, failed });
        this.#batch.effects.push([result.id, true]);
        return;
      }
    }
    this.effects.delete(result.id);
    this.#batch.effects.push([result.id, false]);
    const actor = this.#actor(input);
    const handler = actor.effects?.[result.name];
    if (handler === undefined) throw new Error(`nobody asked for it`);
    const { key, event_id: eventId } = input;
    this.#decide(actor, input, {
      ...{ key, eventId, cause: open.cause, event: null },
      handle: (state, context) => handler(state, result, context),
    });
  }

  #decide<State>(actor: Actor<State>, input: Input, waiting: Waiting): void {
    const { key, eventId, handle } = waiting;
    const id = `${actor.name}|${key}`;
    const queue = this.parked.get(id);
    const decision =
      queue === undefined ? this.#callHandler(actor, id, eventId, input, handle) : null;
    if (decision !== null) return this.#keep(actor, waiting, decision);
    this.parked.fail(this.#batch, id, { waiting, time: input.time });
  }

  #keep<State>(
    actor: Actor<State>,
    { key, cause }: Pick<Waiting, 'key' | 'cause'>,
    decision: Decision<State>,
  ): void {
    const id = `${actor.name}|${key}`;
    if (decision.state !== undefined) {
      const json = decision.state === null ? null : JSON.stringify(decision.state);
      this.#batch.changed.set(id, json);
      if (json === null) this.states.delete(id);
      else this.states.set(id, json);
    }
    const newest = this.#emitAll(decision.emit ?? [], cause);
    for (const request of decision.effects ?? []) {
      this.effects.set(request.id, { key, request, cause: newest, failed: 0 });
      this.#batch.effects.push([request.id, true]);
    }
    for (const timer of decision.timers ?? []) this.#set(`${id}|${timer.name}`, timer, newest);
  }

  #set(id: string, { due, data = null }: TimerRequest, cause: Cause): void {
    if (due === null) this.timers.delete(id);
    else this.timers.set(id, { due, data, cause });
    this.#batch.timers.push([id, due]);
  }

  #callHandler<State>(
    actor: Actor<State>,
    id: string,
    eventId: string,
    input: Input,
    handle: (state: State, context: Context) => Decision<State>,
  ): Decision<State> | null {
    const json = this.states.get(id);
    const state = json === undefined ? actor.state.initial() : (JSON.parse(json) as State);
    const versions = new Map(
      input.references.map((read) => [`${read.name}|${read.id}`, read.version]),
    );
    try {
      return handle(state, {
        time: input.time,
        application: this.#in.topology.application,
        uuid: (label) => derivedUuid(hashOf(eventId, actor.name, label)),
        reference: (name) => ({
          get: (entry) => {
            const version = versions.get(`${name}|${entry}`);
            const value = this.#references.get(`${name}|${entry}|${version}`);
            return value === undefined ? undefined : (JSON.parse(value) as unknown);
          },
        }),
      } as Context);
    } catch {
      return null;
    }
  }

  /** What follows next has as its cause the newest event that is a step of its correlation; so has what is told. */
  #emitAll(emits: readonly Emit[], cause: Cause): Cause {
    let newest = cause;
    const told: Envelope[] = [];
    for (const emit of emits) {
      const envelope = this.#emit(emit, cause);
      if (envelope === null) continue;
      if (emit.kind === 'event' && emit.to !== undefined) told.push(envelope);
      else newest = { ...cause, eventId: envelope.event_id, sequence: envelope.sequence };
    }
    for (const { causation_id: causeId, sequence } of told)
      same('told after', [causeId, sequence], [newest.eventId, newest.sequence]);
    return newest;
  }

  /** Compares one emit with the journal's, and queues what it causes within the task. */
  #emit(emit: Emit, cause: Cause): Envelope | null {
    const { codec, partition, partitionOf, topology } = this.#in;
    const journaled = this.#batch.nextEmit(cause.eventId);
    const value = journaled.value === null ? null : codec.decode(journaled.value).value;
    const key = Buffer.from(journaled.key ?? []).toString();
    if (emit.kind === 'read-model') {
      same('read model', [journaled.topic, key, value], [emit.topic, emit.key, emit.value]);
      return null;
    }
    const { envelope, payload } = value as EventRecord;
    if (emit.kind === 'dead-letter') {
      const wanted = [`dlq.${emit.message.type}`, emit.message.eventId];
      same('dead letter', [journaled.topic, envelope.event_id], wanted);
      return null;
    }
    const home = topology.events.get(emit.type)?.topic;
    const to = emit.to?.key ?? cause.correlationId;
    same('emit', [journaled.topic, key, payload], [emit.to?.topic ?? home, to, emit.payload]);
    same('partition', journaled.partition, partitionOf(to));
    same('correlation', envelope.correlation_id, cause.correlationId);
    if (emit.to === undefined) same('cause', envelope.causation_id, cause.eventId);
    const isFused = topology.deployment === 'fused' && emit.to === undefined;
    if (isFused && journaled.partition === partition) {
      const message = toMessage(value as EventRecord, envelope.correlation_id);
      for (const actor of topology.consumers.get(emit.type) ?? [])
        this.#work.push({ actor, message, record: null });
    }
    return envelope;
  }

  #messageOf(record: FetchedRecord): Message {
    const { value } = this.#in.codec.decode(record.value as Uint8Array);
    return toMessage(
      value as EventRecord,
      Buffer.from(record.key ?? []).toString(),
      record.headers,
    );
  }

  #passTime(time: number): void {
    if (time < this.#time) throw new Error(`time went back from ${this.#time} to ${time}`);
    this.#time = time;
  }
}

function describe({ kind, actor, key, event_id: id, topic, offset }: Input): string {
  return `${kind} ${id} of ${actor}|${key} at ${topic}/${offset}`;
}
