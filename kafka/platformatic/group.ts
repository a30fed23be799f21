import { Consumer } from '@platformatic/kafka';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type {
  FetchPosition,
  GroupAssignment,
  GroupMembership,
  GroupOptions,
  KafkaClientOptions,
} from '../client.ts';
import { codeOf, errorsWithin, toKafkaError } from './errors.ts';
import { Backoff, pause } from '../wait.ts';

/*
 * Invariants:
 * 1. onAssigned and onRevoked run one at a time, in the order of what they report.
 * 2. A lost membership is sought again, by a fresh consumer, until `close`; every pause is bounded.
 * 3. FENCED_INSTANCE_ID is told once and ends everything: the client itself would join again and duel with
 *    the newer member for ever (F10), so it is heard on the diagnostics channel, before the client acts.
 */

const HEARTBEAT_ERROR = 'tracing:plt:kafka:consumer:heartbeat:error';

interface JoinPayload {
  readonly memberId: string;
  readonly generationId?: number;
  readonly assignments?: readonly { readonly topic: string; readonly partitions: number[] }[];
}

export class Membership implements GroupMembership {
  readonly #client: KafkaClientOptions;
  readonly #options: GroupOptions;
  readonly #closed = new AbortController();
  readonly #life: Promise<void>;
  #consumer: Consumer | null = null;
  #joined = false;
  #heartbeatAt = Number.NEGATIVE_INFINITY;
  #calls: Promise<void> = Promise.resolve();

  constructor(client: KafkaClientOptions, options: GroupOptions) {
    this.#client = client;
    this.#options = options;
    this.#life = this.#live();
  }

  get joined(): boolean {
    return this.#joined;
  }

  get heartbeatAgeMs(): number {
    return performance.now() - this.#heartbeatAt;
  }

  async commit(
    offsets: readonly (FetchPosition & { readonly leaderEpoch: number })[],
  ): Promise<Error | null> {
    if (this.#consumer === null || !this.#joined) return new Error('not a member of the group');
    try {
      await this.#consumer.commit({
        offsets: offsets.map((each) => ({ ...each, offset: BigInt(each.offset) })),
      });
      return null;
    } catch (error) {
      return toKafkaError(error, `committing offsets of ${this.#options.groupId}`);
    }
  }

  async close(how: 'leave' | 'stay'): Promise<void> {
    this.#how = how;
    this.#closed.abort();
    await this.#life;
    await this.#calls;
  }

  #how: 'leave' | 'stay' = 'stay';

  async #live(): Promise<void> {
    const backoff = new Backoff(200, 5_000);
    while (!this.#closed.signal.aborted) {
      const startedAt = performance.now();
      const consumer = this.#newConsumer();
      this.#consumer = consumer;
      await this.#member(consumer);
      const wasMember = this.#joined;
      this.#joined = false;
      await disconnect(consumer, this.#closed.signal.aborted ? this.#how : 'stay');
      if (wasMember) this.#call(() => this.#options.onRevoked());
      if (performance.now() - startedAt > 30_000) backoff.reset();
      await pause(backoff.next(), this.#closed.signal);
    }
  }

  /** Joins and stays a member; resolves when the membership is lost or given up. */
  async #member(consumer: Consumer): Promise<void> {
    const over = Promise.withResolvers<void>();
    const end = (): void => over.resolve();
    const onFenced = (message: unknown): void => {
      const { client, error } = message as { readonly client?: unknown; readonly error?: Error };
      if (client !== consumer || error === undefined || !isFenced(error)) return;
      this.#fence(error);
      end();
    };
    this.#closed.signal.addEventListener('abort', end, { once: true });
    subscribe(HEARTBEAT_ERROR, onFenced);
    consumer.on('consumer:group:join', (payload) => this.#onJoin(payload as JoinPayload));
    consumer.on('consumer:heartbeat:end', () => (this.#heartbeatAt = performance.now()));
    consumer.on('consumer:heartbeat:stalled', end);
    // A rejoin inside the client that failed for good.
    (consumer as unknown as NodeJS.EventEmitter).on('error', end);
    try {
      const { sessionTimeoutMs, heartbeatIntervalMs } = this.#options;
      await consumer.joinGroup({
        sessionTimeout: sessionTimeoutMs,
        heartbeatInterval: heartbeatIntervalMs,
        rebalanceTimeout: Math.max(sessionTimeoutMs, 10_000),
      });
      await over.promise;
    } catch (error) {
      if (isFenced(error)) this.#fence(error as Error);
    } finally {
      unsubscribe(HEARTBEAT_ERROR, onFenced);
      this.#closed.signal.removeEventListener('abort', end);
    }
  }

  #newConsumer(): Consumer {
    const { groupId, instanceId, topic, sessionTimeoutMs, heartbeatIntervalMs } = this.#options;
    const consumer = new Consumer({
      clientId: this.#client.clientId,
      groupId,
      groupInstanceId: instanceId,
      bootstrapBrokers: [...this.#client.brokers],
      // JoinGroup waits for the other members: longer than any other request.
      requestTimeout: Math.max(sessionTimeoutMs, 10_000) + 5_000,
      connectTimeout: 3_000,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatIntervalMs,
      rebalanceTimeout: Math.max(sessionTimeoutMs, 10_000),
      autocommit: false,
      retries: 2,
      retryDelay: 200,
    });
    consumer.topics.track(topic);
    return consumer;
  }

  #onJoin({ memberId, generationId, assignments }: JoinPayload): void {
    if (this.#closed.signal.aborted) return;
    const own = assignments?.find(({ topic }) => topic === this.#options.topic);
    const assignment: GroupAssignment = {
      partitions: [...(own?.partitions ?? [])].sort((left, right) => left - right),
      generation: generationId ?? -1,
      memberId,
    };
    this.#joined = true;
    this.#heartbeatAt = performance.now();
    this.#call(() => this.#options.onAssigned(assignment));
  }

  #call(callback: () => Promise<void>): void {
    this.#calls = this.#calls.then(callback).catch((error: unknown) => {
      // A callback that fails is a broken runner: better no process than one that only looks alive.
      queueMicrotask(() => {
        throw error;
      });
    });
  }

  #fence(error: Error): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#options.onFenced(error);
  }
}

function isFenced(error: unknown): boolean {
  return (
    codeOf(error) === 'FENCED_INSTANCE_ID' ||
    errorsWithin(error).some(
      (each) => (each as { readonly apiId?: unknown }).apiId === 'FENCED_INSTANCE_ID',
    )
  );
}

/** `stay`: no LeaveGroup, so that a static member finds its place again. The client leaves only with a member id. */
async function disconnect(consumer: Consumer, how: 'leave' | 'stay'): Promise<void> {
  try {
    if (how === 'stay') {
      consumer.memberId = null;
      await (consumer.leaveGroup(true) as unknown as Promise<void>);
    }
    await consumer.close(true);
  } catch {
    // The broker is away or the group has forgotten us: there is nobody to leave, and nothing is held.
  }
}
