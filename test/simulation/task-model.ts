import { isDeepStrictEqual } from 'node:util';
import type {
  Actor,
  Context,
  Decision,
  EffectRequest,
  EffectResult,
  Emit,
  Message,
} from '../../engine/actor.ts';
import type { Codec } from '../../engine/codec.ts';
import { derivedUuid, hashOf } from '../../engine/derived-id.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { Input, JournaledEmit } from '../../engine/journal.ts';
import { causeOf, toMessage } from '../../engine/message.ts';
import { originOf } from '../../engine/origin.ts';
import type { Cause } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
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
  readonly parked = new Map<string, number>();
  readonly effects = new Map<string, OpenEffect>();
  readonly deadLettered = new Set<string>();
  readonly #references = new Map<string, string>();
  readonly #offsets = new Map<string, number>();
  #time = 0;
  // What the batch at hand has to hold, as far as the model has come.
  #emits: readonly JournaledEmit[] = [];
  #nextEmit = 0;
  #changed = new Map<string, string | null>();
  #effectChanges: [id: string, isOpen: boolean][] = [];
  #parkedChanges: [who: string, eventId: string][] = [];
  #work: Work[] = [];
  #root: Input | null = null;

  constructor(options: TaskModelOptions) {
    this.#in = options;
  }

  /** Throws: AssertionError or Error that says where the batch and the model part. */
  take(batch: TrueBatch): void {
    this.#emits = batch.emits.filter((emit) => !this.#isDeadRecord(emit));
    this.#nextEmit = 0;
    this.#changed = new Map();
    this.#effectChanges = [];
    this.#parkedChanges = [];
    this.#work = [];
    for (const { name, id, version, value } of batch.references)
      this.#references.set(`${name}|${id}|${version}`, value ?? 'null');
    for (const input of batch.inputs) this.#handle(input);
    same('work left over', this.#work, []);
    same('emits', this.#emits.length, this.#nextEmit);
    const states = batch.states.map(({ actor, key, value }) => [`${actor}|${key}`, value] as const);
    same('states', new Map(states), this.#changed);
    const effects = batch.effects.map(({ id, request }) => [id, request !== null]);
    same('effects', effects, this.#effectChanges);
    const parked = batch.parked.map(({ actor, key, message }) => {
      const { eventId } = JSON.parse(message ?? '{}') as Message;
      return [`${actor}|${key}`, eventId];
    });
    same('parked', parked, this.#parkedChanges);
    this.#passTime(batch.time);
  }

  /** A record that nothing can be made of is set aside with its place, and causes no input. */
  #isDeadRecord({ topic, headers }: JournaledEmit): boolean {
    const offset = headers['x-original-offset'];
    if (!topic.startsWith('dlq.') || offset === undefined) return false;
    const place = `${headers['x-original-topic']}/${headers['x-original-partition']}/${offset}`;
    if (this.deadLettered.has(place)) throw new Error(`${place} was dead-lettered twice`);
    this.deadLettered.add(place);
    return true;
  }

  #handle(input: Input): void {
    this.#passTime(input.time);
    if (input.kind === 'effect') return this.#handleResult(input);
    if (input.kind === 'record' && !this.#isSameRoot(input)) this.#begin(input);
    const next = this.#work.shift();
    if (next === undefined) throw new Error(`nothing causes ${describe(input)}`);
    const { actor, message } = next;
    same(
      'input',
      [input.actor, input.key, input.event_id],
      [actor.name, message.key, message.eventId],
    );
    this.#in.onHandled(actor.name, message.key, message.eventId);
    const handler = actor.handles[message.type];
    if (handler === undefined) throw new Error(`${actor.name} does not handle ${message.type}`);
    this.#decide(actor, message, causeOf(message), input, (state, context) =>
      handler(state, message, context),
    );
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
    const { topology, recordAt, partition } = this.#in;
    const topic = input.topic as string;
    const offset = input.offset as number;
    same('partition of the input', input.partition, partition);
    const last = this.#offsets.get(topic) ?? -1;
    if (offset <= last) throw new Error(`${topic}: ${offset} was handled after ${last}`);
    this.#offsets.set(topic, offset);
    const record = recordAt(topic, partition, offset);
    if (record === null) throw new Error(`${describe(input)} stands nowhere`);
    const message = this.#messageOf(record);
    const isOwn = originOf(record.headers)?.task === partition;
    const fused = isOwn ? (record.headers['fused'] ?? '').split(',') : [];
    for (const actor of topology.consumers.get(message.type) ?? [])
      if (!fused.includes(`${topology.application}/${actor.name}`))
        this.#work.push({ actor, message });
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
        this.#effectChanges.push([result.id, true]);
        return;
      }
    }
    this.effects.delete(result.id);
    this.#effectChanges.push([result.id, false]);
    const actor = this.#in.topology.actors.find((each) => each.name === input.actor);
    const handler = actor?.effects?.[result.name];
    if (actor === undefined || handler === undefined) throw new Error(`nobody asked for it`);
    this.#decide(
      actor,
      { key: input.key, eventId: input.event_id },
      open.cause,
      input,
      (state, context) => handler(state, result, context),
    );
  }

  #decide<State>(
    actor: Actor<State>,
    { key, eventId }: Pick<Message, 'key' | 'eventId'>,
    cause: Cause,
    input: Input,
    handle: (state: State, context: Context) => Decision<State>,
  ): void {
    const id = `${actor.name}|${key}`;
    const decision = this.parked.has(id)
      ? null
      : this.#callHandler(actor, id, eventId, input, handle);
    if (decision === null) {
      this.parked.set(id, (this.parked.get(id) ?? 0) + 1);
      this.#parkedChanges.push([id, eventId]);
      return;
    }
    if (decision.state !== undefined) {
      const json = decision.state === null ? null : JSON.stringify(decision.state);
      this.#changed.set(id, json);
      if (json === null) this.states.delete(id);
      else this.states.set(id, json);
    }
    let newest = cause;
    for (const emit of decision.emit ?? []) newest = this.#emit(emit, cause) ?? newest;
    for (const request of decision.effects ?? []) {
      this.effects.set(request.id, { key, request, cause: newest, failed: 0 });
      this.#effectChanges.push([request.id, true]);
    }
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

  /** Compares one emit with the journal's, and queues what it causes within the task. */
  #emit(emit: Emit, cause: Cause): Cause | null {
    const { codec, partition, partitionOf, topology } = this.#in;
    const journaled = this.#emits[this.#nextEmit++];
    if (journaled === undefined) throw new Error(`an emit of ${cause.eventId} is missing`);
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
    same(
      'cause',
      [envelope.causation_id, envelope.correlation_id],
      [cause.eventId, cause.correlationId],
    );
    const isFused = topology.deployment === 'fused' && emit.to === undefined;
    if (isFused && journaled.partition === partition) {
      const message = toMessage(value as EventRecord, envelope.correlation_id);
      for (const actor of topology.consumers.get(emit.type) ?? [])
        this.#work.push({ actor, message });
    }
    return { ...cause, eventId: envelope.event_id, sequence: envelope.sequence };
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

function same(what: string, actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(plain(actual), plain(wanted)))
    throw new Error(`${what}: ${show(actual)} instead of ${show(wanted)}`);
}

/** Without the classes that decoded values are of. */
function plain(value: unknown): unknown {
  return JSON.parse(show(value));
}

function show(value: unknown): string {
  return JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value) ?? 'null';
}
