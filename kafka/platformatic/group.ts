import { Consumer, type GroupPartitionsAssigner } from '@platformatic/kafka';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  type FetchPosition,
  type GroupAssignment,
  type GroupMembership,
  type GroupOptions,
  KafkaError,
  type KafkaClientOptions,
} from '../client.ts';
import {
  assignmentsOf,
  decodeDescription,
  encodeDescription,
  NOTHING_TOLD,
  standbyOf,
} from '../assigner.ts';
import { CLIENT_LIMITS } from '../limits.ts';
import { Backoff, pause } from '../wait.ts';
import { connectionOptions, watchConnections } from './cluster.ts';
import { codeOf, isFenced, toKafkaError } from './errors.ts';

/*
 * Invariants:
 * 1. onAssigned and onRevoked run one at a time, in the order of what they report.
 * 2. A lost membership is sought again, by a fresh consumer, until `close`; every pause is bounded.
 * 3. Of two members with one instance id exactly the newer lives (F10). FENCED_INSTANCE_ID is told once and ends
 *    everything. The library would join again and fence the newer one in turn: so it is heard on the diagnostics
 *    channel, before the library acts; the library makes no second attempt of its own (retries 0); and a fresh
 *    consumer joins under the member id held before, which the broker refuses when a newer member has come.
 */

const HEARTBEAT_ERROR = 'tracing:plt:kafka:consumer:heartbeat:error';

/** Answers to a heartbeat after which the library joins again by itself; it tells of the first only. */
const REJOINS: ReadonlySet<string> = new Set([
  'REBALANCE_IN_PROGRESS',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
]);

interface JoinPayload {
  readonly memberId: string;
  readonly generationId?: number;
  readonly assignments?: readonly { readonly topic: string; readonly partitions: number[] }[];
}

export class PlatformaticMembership implements GroupMembership {
  readonly #client: KafkaClientOptions;
  readonly #options: GroupOptions;
  readonly #closed = new AbortController();
  readonly #backoff = new Backoff(CLIENT_LIMITS.rejoinMs, CLIENT_LIMITS.rejoinMostMs);
  readonly #life: Promise<void>;
  #consumer: Consumer | null = null;
  #memberId: string | null = null;
  #joined = false;
  /** When the last heartbeat that succeeded was sent. */
  #heartbeatAt = Number.NEGATIVE_INFINITY;
  #how: 'leave' | 'stay' = 'stay';
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
    const { groupId } = this.#options;
    if (this.#consumer === null || !this.#joined)
      return new KafkaError('UNKNOWN_MEMBER_ID', true, `Not a member of group ${groupId} now.`);
    try {
      await this.#consumer.commit({
        offsets: offsets.map((each) => ({ ...each, offset: BigInt(each.offset) })),
      });
      return null;
    } catch (error) {
      return toKafkaError(error, `committing offsets of ${groupId}`);
    }
  }

  async close(how: 'leave' | 'stay'): Promise<void> {
    this.#how = how;
    this.#closed.abort();
    await this.#life;
    await this.#calls;
  }

  async #live(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      const consumer = this.#newConsumer();
      const closeLost = watchConnections(consumer.connections);
      this.#consumer = consumer;
      await this.#beMember(consumer);
      const wasMember = this.#joined;
      this.#joined = false;
      await disconnect(consumer, this.#closed.signal.aborted ? this.#how : 'stay');
      await closeLost();
      if (wasMember) this.#call(() => this.#options.onRevoked());
      await pause(this.#backoff.next(), this.#closed.signal);
    }
  }

  /** Joins and stays a member; resolves when the membership is lost or given up. */
  async #beMember(consumer: Consumer): Promise<void> {
    const over = Promise.withResolvers<unknown>();
    const end = (): void => over.resolve(null);
    const stopListening = this.#listen(consumer, over.resolve);
    this.#closed.signal.addEventListener('abort', end, { once: true });
    const { sessionTimeoutMs, heartbeatIntervalMs } = this.#options;
    consumer
      .joinGroup({
        sessionTimeout: sessionTimeoutMs,
        heartbeatInterval: heartbeatIntervalMs,
        rebalanceTimeout: Math.max(sessionTimeoutMs, CLIENT_LIMITS.rebalanceMs),
      })
      .catch(over.resolve);
    const error = await over.promise;
    stopListening();
    this.#closed.signal.removeEventListener('abort', end);
    if (isFenced(error)) this.#fence(consumer, error as Error);
    // The group has forgotten the member: it comes back as a new one.
    else if (error !== null && codeOf(error) === 'UNKNOWN_MEMBER_ID') this.#memberId = null;
  }

  #listen(consumer: Consumer, over: (error: unknown) => void): () => void {
    let sentAt = performance.now();
    const onHeartbeatError = (message: unknown): void => {
      const { client, error } = message as { readonly client?: unknown; readonly error?: Error };
      if (client !== consumer || error === undefined) return;
      if (isFenced(error)) {
        this.#fence(consumer, error);
        over(error);
      } else if (REJOINS.has(codeOf(error))) this.#onRebalance();
    };
    subscribe(HEARTBEAT_ERROR, onHeartbeatError);
    consumer.on('consumer:heartbeat:start', () => (sentAt = performance.now()));
    consumer.on('consumer:heartbeat:end', () => (this.#heartbeatAt = sentAt));
    consumer.on('consumer:heartbeat:stalled', ({ lastError }) => over(lastError ?? null));
    consumer.on('consumer:group:join', (payload) => this.#onJoin(payload as JoinPayload));
    // The library joins again by itself after a rebalance; this is how it says that it could not.
    (consumer as unknown as NodeJS.EventEmitter).on('error', over);
    return () => unsubscribe(HEARTBEAT_ERROR, onHeartbeatError);
  }

  #newConsumer(): Consumer {
    const { groupId, instanceId, topic, sessionTimeoutMs, heartbeatIntervalMs, describe } =
      this.#options;
    const rebalanceTimeout = Math.max(sessionTimeoutMs, CLIENT_LIMITS.rebalanceMs);
    const consumer = new Consumer({
      ...connectionOptions(this.#client),
      metadataMaxAge: CLIENT_LIMITS.coordinatorAgeMs,
      groupId,
      groupInstanceId: instanceId,
      requestTimeout: rebalanceTimeout + 5_000,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatIntervalMs,
      // Unheard for so long, the broker has given the member up: no use in waiting for a rebalance.
      heartbeatStallTimeout: sessionTimeoutMs,
      rebalanceTimeout,
      autocommit: false,
      protocolsMetadata: () => Buffer.from(encodeDescription(describe?.() ?? NOTHING_TOLD)),
      partitionAssigner: assignerOf(topic),
    });
    consumer.memberId = this.#memberId;
    consumer.topics.track(topic);
    return consumer;
  }

  #onRebalance(): void {
    if (!this.#joined || this.#closed.signal.aborted) return;
    this.#joined = false;
    this.#call(() => this.#options.onRevoked());
  }

  #onJoin({ memberId, generationId, assignments }: JoinPayload): void {
    if (this.#closed.signal.aborted) return;
    const under = (name: string): number[] =>
      (assignments?.find(({ topic }) => topic === name)?.partitions ?? []).toSorted(
        (left, right) => left - right,
      );
    const { topic } = this.#options;
    const assignment: GroupAssignment = {
      partitions: under(topic),
      standbys: under(standbyOf(topic)),
      generation: generationId ?? -1,
      memberId,
    };
    this.#memberId = memberId;
    this.#joined = true;
    this.#heartbeatAt = performance.now();
    this.#backoff.reset();
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

  #fence(consumer: Consumer, error: Error): void {
    if (this.#closed.signal.aborted) return;
    abandon(consumer);
    this.#closed.abort();
    this.#options.onFenced(error);
  }
}

/** Hands out the partitions of the topic by what the members told when they joined (J5b). */
function assignerOf(topic: string): GroupPartitionsAssigner {
  return (_current, members, _topics, metadata) => {
    const partitions = metadata.topics.get(topic)?.partitionsCount ?? 0;
    const told = [...members.values()].map((member) => ({
      id: member.memberId,
      description: decodeDescription(bytesOf(member.metadata)),
    }));
    return [...assignmentsOf(told, topic, partitions)].map(([memberId, own]) => ({
      memberId,
      assignments: new Map(
        Object.entries(own).map(([name, each]) => [name, { topic: name, partitions: [...each] }]),
      ),
    }));
  };
}

function bytesOf(metadata: Buffer | string | null | undefined): Uint8Array | null {
  return typeof metadata === 'string' ? Buffer.from(metadata) : (metadata ?? null);
}

/**
 * Ends the membership on this side only, at once: the library sends LeaveGroup only for a member id, and a
 * consumer that is no member any more neither heartbeats nor joins.
 */
function abandon(consumer: Consumer): void {
  consumer.memberId = null;
  (consumer.leaveGroup(true) as unknown as Promise<void>).catch(() => {});
}

/** Gives the consumer up. `stay`: no LeaveGroup, so that a static member finds its place again. */
async function disconnect(consumer: Consumer, how: 'leave' | 'stay'): Promise<void> {
  if (how === 'leave') await leave(consumer);
  // A member without connections ends without LeaveGroup, and the timer of its next heartbeat with it.
  const cut = consumer.connections.close();
  await Promise.allSettled([cut, consumer.close(true)]);
}

/** The broker may be away or silent: the others then wait for the session's end, this process need not. */
async function leave(consumer: Consumer): Promise<void> {
  const over = new AbortController();
  const left = (consumer.leaveGroup(true) as unknown as Promise<void>).catch(() => {});
  await Promise.race([left, pause(CLIENT_LIMITS.leaveMs, over.signal)]);
  over.abort();
}
