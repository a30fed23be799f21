import { platformaticClient } from '../../../kafka/platformatic.ts';
import type { KafkaSecurity } from '../../../kafka/client.ts';
import { BotError } from './bot-error.ts';
import { envelopeProblem } from './check.ts';
import { Courier } from './courier.ts';
import type {
  BotEvent,
  BotEventType,
  BotPayloads,
  EmitOptions,
  Emitted,
  Upstream,
} from './event.ts';
import { type BotIdentity, entryOf, eventOf, NO_OPTIONS } from './event-builder.ts';
import { LIMITS } from './limits.ts';
import { type Buffered, Outbox, type WhenFull } from './outbox.ts';
import { ProducerHome } from './producer-home.ts';
import { traceSource } from './trace.ts';

export interface BotProducerOptions extends BotIdentity {
  /** `host:port` of some of the brokers. */
  readonly brokers: readonly string[];
  /** Base of the Confluent API of the schema registry. */
  readonly registryUrl: string;
  /** A folder of this producer's own, which outlives the process; null: buffered events die with it. */
  readonly spoolFolder: string | null;
  /** Under which the server counts; the same after a restart. Default: `<producer>.<instance_name>`. */
  readonly producerId?: string;
  /** Default `block`: at most 10 s. */
  readonly whenFull?: WhenFull;
  /** Of events not acknowledged. Default 256 MiB with a spool, 32 MiB without. */
  readonly bufferBytes?: number;
  /** Default 10,000; of the policy `block`. */
  readonly blockMs?: number;
  /** TOPIC_PREFIX of the installation. Default: none. */
  readonly topicPrefix?: string;
  /** TLS and SASL. Default: plain text. */
  readonly security?: KafkaSecurity;
}

/** Validates, buffers and delivers events, first or following another. */
export interface Emit {
  /**
   * Resolves when the broker has acknowledged the event.
   *
   * Throws: BotError INVALID_EVENT, BUFFER_FULL, CLOSED, SPOOL_FAILED: nothing was buffered; NOT_CONFIRMED.
   */
  <Type extends BotEventType>(
    type: Type,
    payload: BotPayloads[Type],
    options?: EmitOptions,
  ): Promise<Emitted>;
  /**
   * Resolves when the event is buffered: with a spool it then outlives this process. Null: dropped by `drop_new`.
   *
   * Throws: BotError INVALID_EVENT, BUFFER_FULL, CLOSED, SPOOL_FAILED: nothing was buffered.
   */
  nowait<Type extends BotEventType>(
    type: Type,
    payload: BotPayloads[Type],
    options?: EmitOptions,
  ): Promise<Emitted | null>;
}

/** What events that follow one another are emitted by. */
export interface Chain {
  readonly emit: Emit;
}

export interface BotProducerStatus {
  readonly producerId: string;
  readonly incarnation: number;
  /** Events buffered and not acknowledged. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** Events acknowledged since the start. */
  readonly confirmed: number;
  /** Events that `drop_new` let go. */
  readonly dropped: number;
  /** Bytes of the spool that were found damaged at the start, and put aside there. */
  readonly damagedBytes: number;
  /** Why nothing moves; null: nothing is known to be wrong. */
  readonly lastError: string | null;
}

const PRODUCER_ID = /^[^/]{1,100}$/;

/**
 * Emits the six events of a bot to Millrace: checked by the server's own rules, numbered, kept on disk until the broker has
 * them, delivered in order, known again when they are sent twice.
 *
 * Order: `open`, any number of emits, `close`.
 * Source: S-43, K-11; PROTOCOL J7a.
 */
export class BotProducer implements Chain {
  readonly emit: Emit;
  readonly #identity: BotIdentity;
  readonly #home: ProducerHome;
  readonly #outbox: Outbox;
  readonly #courier: Courier;
  readonly #traceparent: () => string | undefined;
  #isClosed = false;

  private constructor(
    options: BotProducerOptions,
    home: ProducerHome,
    traceparent: () => string | undefined,
  ) {
    const { producer, instance_name, controller_id, connector_name, trading_pair } = options;
    this.#identity = { producer, instance_name, controller_id, connector_name, trading_pair };
    this.#home = home;
    this.#traceparent = traceparent;
    const { spool, state } = home;
    this.#outbox = new Outbox({
      spool,
      limitBytes: options.bufferBytes ?? (spool === null ? LIMITS.memoryBytes : LIMITS.spoolBytes),
      windowBytes: LIMITS.windowBytes,
      whenFull: options.whenFull ?? 'block',
      blockMs: options.blockMs ?? LIMITS.blockMs,
      next: state.next,
    });
    const { brokers, security, registryUrl, topicPrefix = '' } = options;
    this.#courier = new Courier({
      client: platformaticClient({
        brokers,
        clientId: state.producerId,
        ...(security === undefined ? {} : { security }),
      }),
      registryUrl,
      topicPrefix,
      outbox: this.#outbox,
      state,
      renewed: (partitions) => home.renewed(partitions),
      onProgress: (progress) => home.progressed(progress),
    });
    this.emit = this.#emitter(null);
  }

  /**
   * Opens the spool and begins to send what an earlier process left there. Neither broker nor registry need be there.
   *
   * Throws: BotError INVALID_OPTION, SPOOL_IN_USE, SPOOL_FAILED.
   */
  static async open(options: BotProducerOptions): Promise<BotProducer> {
    const producerId = options.producerId ?? `${options.producer}.${options.instance_name}`;
    checkOptions(options, producerId);
    const traceparent = await traceSource();
    const bot = new BotProducer(
      options,
      ProducerHome.open(options.spoolFolder, producerId),
      traceparent,
    );
    bot.#courier.start();
    return bot;
  }

  /**
   * Emits events that follow `upstream`: with its correlation_id, and its event_id as their cause.
   *
   * Throws: BotError NO_UPSTREAM. Source: S-16.
   */
  child(upstream: Upstream): Chain {
    const { event_id, correlation_id } = (upstream ?? {}) as Partial<Upstream>;
    const isEvent = typeof event_id === 'string' && event_id !== '';
    if (isEvent && typeof correlation_id === 'string' && correlation_id !== '')
      return { emit: this.#emitter({ event_id, correlation_id }) };
    throw new BotError(
      'NO_UPSTREAM',
      `child() was given no event to follow: event_id is ${event_id}, correlation_id is ${correlation_id}; ` +
        'pass the event that it follows, or begin a chain with emit()',
    );
  }

  /** Resolves when all that was buffered before is acknowledged. Throws: BotError NOT_FLUSHED. */
  async flush(timeoutMs: number = LIMITS.flushMs): Promise<void> {
    if (await this.#outbox.drained(timeoutMs)) return;
    throw new BotError(
      'NOT_FLUSHED',
      `${this.#outbox.pending} events are not acknowledged after ${timeoutMs} ms` +
        `${this.#why()}; they are still being sent`,
    );
  }

  /**
   * Flushes for at most `timeoutMs`, then ends. The result says how many events the broker has not acknowledged: with a
   * spool they are in it, and the next `open` sends them.
   */
  async close(timeoutMs: number = LIMITS.flushMs): Promise<{ readonly unsent: number }> {
    if (this.#isClosed) return { unsent: this.#outbox.pending };
    this.#isClosed = true;
    await this.#outbox.drained(timeoutMs);
    const unsent = this.#outbox.pending;
    const why = this.#why();
    await this.#courier.close((what) => this.#ended(what, why));
    this.#home.close();
    return { unsent };
  }

  status(): BotProducerStatus {
    const { producerId, incarnation } = this.#home.state;
    const { pending, pendingBytes, dropped } = this.#outbox;
    const { confirmed, lastError } = this.#courier;
    const { damagedBytes } = this.#home;
    return {
      producerId,
      incarnation,
      pending,
      pendingBytes,
      confirmed,
      dropped,
      damagedBytes,
      lastError,
    };
  }

  #emitter(upstream: Upstream | null): Emit {
    const emit = async (
      type: BotEventType,
      payload: Readonly<Record<string, unknown>>,
      options: EmitOptions = NO_OPTIONS,
    ): Promise<Emitted> => {
      const event = eventOf(this.#identity, { type, payload, options, upstream });
      await new Promise<void>((resolve, reject) => {
        const settle = (error: BotError | null): void => (error ? reject(error) : resolve());
        this.#put(event, options, settle, (error, isBuffered) => {
          if (error !== null) reject(error);
          else if (!isBuffered) reject(this.#dropped(type));
        });
      });
      return emittedOf(event);
    };
    // Not async: a promise for each event is enough.
    const nowait = (
      type: BotEventType,
      payload: Readonly<Record<string, unknown>>,
      options: EmitOptions = NO_OPTIONS,
    ): Promise<Emitted | null> =>
      new Promise((resolve, reject) => {
        const event = eventOf(this.#identity, { type, payload, options, upstream });
        this.#put(event, options, null, (error, isBuffered) => {
          if (error !== null) reject(error);
          else resolve(isBuffered ? emittedOf(event) : null);
        });
      });
    return Object.assign(emit, { nowait }) as Emit;
  }

  #put(
    event: BotEvent,
    { traceparent = this.#traceparent() }: EmitOptions,
    settle: ((error: BotError | null) => void) | null,
    buffered: Buffered,
  ): void {
    if (this.#isClosed) throw this.#ended('CLOSED', '');
    this.#outbox.put(event, entryOf(event, traceparent), settle, buffered);
  }

  #dropped(type: string): BotError {
    return new BotError(
      'BUFFER_FULL',
      `${type} was dropped: the buffer is full${this.#why()}; it counts in status().dropped`,
    );
  }

  #why(): string {
    const { lastError } = this.#courier;
    return lastError === null ? '' : ` (${lastError})`;
  }

  #ended(what: 'CLOSED' | 'NOT_CONFIRMED', why: string): BotError {
    if (what === 'CLOSED')
      return new BotError('CLOSED', 'this producer is closed; open another one to emit');
    const after =
      this.#home.spool === null
        ? 'it may be lost: give a spoolFolder'
        : 'it is in the spool, and the next open() sends it';
    return new BotError(
      'NOT_CONFIRMED',
      `closed before the broker acknowledged the event${why}; ${after}`,
    );
  }
}

function emittedOf({
  event_id,
  correlation_id,
  causation_id,
  event_type,
  ts_utc,
}: BotEvent): Emitted {
  const type = event_type as BotEventType;
  return {
    event_id,
    correlation_id,
    causation_id: causation_id ?? null,
    event_type: type,
    ts_utc,
  };
}

function checkOptions(options: BotProducerOptions, producerId: string): void {
  const id = crypto.randomUUID();
  const sample = {
    ...options,
    event_id: id,
    correlation_id: id,
    event_type: 'state_snapshot',
    event_version: 'v1',
    ts_utc: '2026-01-01T00:00:00Z',
    payload: {},
  };
  const found = envelopeProblem(sample as never);
  if (found !== null)
    throw new BotError('INVALID_OPTION', `open(): ${found.message}`, { problem: found });
  if (!PRODUCER_ID.test(producerId))
    throw new BotError(
      'INVALID_OPTION',
      `open(): producerId ${JSON.stringify(producerId)} is not 1 to 100 characters without a slash; give another producerId`,
    );
  if (options.brokers.length === 0 || options.registryUrl === '')
    throw new BotError('INVALID_OPTION', 'open(): give brokers and registryUrl, none is empty');
}
