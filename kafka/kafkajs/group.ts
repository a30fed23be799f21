import { MemberAssignment, MemberMetadata } from 'kafkajs/src/consumer/assignerProtocol.js';
import {
  assignmentsOf,
  decodeDescription,
  encodeDescription,
  NOTHING_TOLD,
  standbyOf,
} from '../assigner.ts';
import {
  type FetchPosition,
  type GroupAssignment,
  type GroupMembership,
  type GroupOptions,
  KafkaError,
  type KafkaClientOptions,
} from '../client.ts';
import { CLIENT_LIMITS } from '../limits.ts';
import { Backoff, pause } from '../wait.ts';
import { topicOf } from './bounds.ts';
import { Cluster } from './cluster.ts';
import { coordinatorOf } from './coordinator.ts';
import { codeOf, failOn, toKafkaError } from './errors.ts';
import type { Link } from './link.ts';

/*
 * The library's Consumer has no static members, and tells neither of its heartbeats nor of a rebalance before it has
 * joined again. So the group's protocol is spoken here, with the library's requests.
 *
 * Invariants:
 * 1. onAssigned and onRevoked run one at a time, in the order of what they report.
 * 2. A lost membership is sought again until `close`; every pause is bounded.
 * 3. Of two members with one instance id exactly the newer lives (F10). A member comes back under the member id that it
 *    had, which the broker refuses when a newer one has taken its place; only a group that knows neither gets a new one.
 */

/** The other adapter's name, so that members of both share a group. */
const PROTOCOL = 'roundrobin';

/** Answers to a heartbeat after which a member has to join again. */
const REJOINS: ReadonlySet<string> = new Set([
  'REBALANCE_IN_PROGRESS',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
]);

interface Joined {
  readonly errorCode: number;
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

interface Synced {
  readonly errorCode: number;
  readonly memberAssignment: Buffer | null;
}

export class KafkajsMembership implements GroupMembership {
  readonly #client: KafkaClientOptions;
  readonly #options: GroupOptions;
  readonly #closed = new AbortController();
  readonly #backoff = new Backoff(CLIENT_LIMITS.rejoinMs, CLIENT_LIMITS.rejoinMostMs);
  readonly #cluster: Cluster;
  readonly #life: Promise<void>;
  #memberId = '';
  #generation = -1;
  #joined = false;
  /** When the last heartbeat that succeeded was sent. */
  #heartbeatAt = Number.NEGATIVE_INFINITY;
  #how: 'leave' | 'stay' = 'stay';
  #calls: Promise<void> = Promise.resolve();

  constructor(client: KafkaClientOptions, options: GroupOptions) {
    this.#client = client;
    this.#options = options;
    this.#cluster = new Cluster(this.#client);
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
    const doing = `committing offsets of ${groupId}`;
    if (!this.#joined)
      return new KafkaError('UNKNOWN_MEMBER_ID', true, `Not a member of group ${groupId} now.`);
    try {
      const link = await coordinatorOf(this.#cluster, groupId);
      const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, partitions]) => ({
        topic,
        partitions,
      }));
      const answer = await link.ask<{
        readonly responses: readonly {
          readonly partitions: readonly { readonly errorCode: number }[];
        }[];
      }>('OffsetCommit', {
        groupId,
        groupGenerationId: this.#generation,
        memberId: this.#memberId,
        topics,
      });
      for (const { errorCode } of answer.responses.flatMap((each) => each.partitions))
        failOn(errorCode, doing);
      return null;
    } catch (error) {
      return toKafkaError(error, doing);
    }
  }

  async close(how: 'leave' | 'stay'): Promise<void> {
    this.#how = how;
    this.#closed.abort();
    await this.#life;
    await this.#calls;
  }

  async #live(): Promise<void> {
    const ended = new Promise<void>((resolve) =>
      this.#closed.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    while (!this.#closed.signal.aborted) {
      const life = this.#beMember();
      // Whatever a silent broker owes is not waited for.
      await Promise.race([life, ended]);
      if (this.#closed.signal.aborted) life.catch(() => {});
      else await pause(this.#backoff.next(), this.#closed.signal);
    }
    const wasMember = this.#joined;
    this.#joined = false;
    if (this.#how === 'leave') await this.#leave();
    await this.#cluster.close();
    if (wasMember) this.#call(() => this.#options.onRevoked());
  }

  /** Joins and stays a member; resolves when the membership is lost. */
  async #beMember(): Promise<void> {
    try {
      for (;;) {
        const link = await coordinatorOf(this.#cluster, this.#options.groupId);
        const assignment = await this.#join(link);
        if (this.#closed.signal.aborted) return;
        this.#onJoined(assignment);
        const code = await this.#beat();
        if (code === 'CLOSED') return;
        if (code === 'FENCED_INSTANCE_ID') throw new KafkaError(code, false, 'Fenced.');
        this.#onLost();
        if (REJOINS.has(code)) continue;
        // What a silent broker was asked must not hold up what it is asked next.
        void this.#cluster.cut();
        return;
      }
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      const code = codeOf(error);
      this.#cluster.forget();
      if (code === 'FENCED_INSTANCE_ID') this.#fence();
      // The group has forgotten the member: it comes back as a new one.
      else if (code === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
      this.#onLost();
    }
  }

  async #join(link: Link): Promise<GroupAssignment> {
    const { groupId, topic, instanceId, sessionTimeoutMs, describe } = this.#options;
    const doing = `joining group ${groupId}`;
    // A member of a group whose topic is not there would be assigned nothing, and not be told when it comes.
    await topicOf(this.#cluster, topic);
    const userData = Buffer.from(encodeDescription(describe?.() ?? NOTHING_TOLD));
    const joined = await link.ask<Joined>('JoinGroup', {
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: Math.max(sessionTimeoutMs, CLIENT_LIMITS.rebalanceMs),
      memberId: this.#memberId,
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      groupProtocols: [
        {
          name: PROTOCOL,
          metadata: MemberMetadata.encode({ version: 0, topics: [topic], userData }),
        },
      ],
    });
    failOn(joined.errorCode, doing);
    if (this.#closed.signal.aborted) throw new KafkaError('CLOSED', false, doing);
    const { memberId, generationId } = joined;
    this.#memberId = memberId;
    this.#generation = generationId;
    const isLeader = joined.leaderId === memberId;
    const synced = await link.ask<Synced>('SyncGroup', {
      groupId,
      generationId,
      memberId,
      groupInstanceId: instanceId,
      groupAssignment: isLeader ? await this.#assign(joined) : [],
    });
    failOn(synced.errorCode, doing);
    const own = synced.memberAssignment && MemberAssignment.decode(synced.memberAssignment);
    const under = (name: string): number[] =>
      (own?.assignment[name] ?? []).toSorted((left, right) => left - right);
    return {
      partitions: under(topic),
      standbys: under(standbyOf(topic)),
      generation: generationId,
      memberId,
    };
  }

  /** Hands out the partitions of the topic by what the members told when they joined (J5b). */
  async #assign({ members }: Joined) {
    const { topic } = this.#options;
    const found = (await this.#cluster.find([topic], { afresh: true })).get(topic);
    const partitions = found === undefined || found instanceof KafkaError ? [] : found.partitions;
    const told = members.map(({ memberId, memberMetadata }) => ({
      id: memberId,
      description: decodeDescription(MemberMetadata.decode(memberMetadata).userData),
    }));
    return [...assignmentsOf(told, topic, partitions.length)].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version: 0, assignment }),
    }));
  }

  /** Heartbeats until it is told to stop, or nothing was heard for a session. Resolves with the reason. */
  async #beat(): Promise<string> {
    const { groupId, instanceId, sessionTimeoutMs, heartbeatIntervalMs } = this.#options;
    const { signal } = this.#closed;
    for (;;) {
      await pause(heartbeatIntervalMs, signal);
      if (signal.aborted) return 'CLOSED';
      const leftMs = sessionTimeoutMs - this.heartbeatAgeMs;
      if (leftMs <= 0) return 'TIMEOUT';
      const sentAt = performance.now();
      const beat = this.#ask(groupId, {
        groupId,
        groupGenerationId: this.#generation,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
      });
      const code = await within(leftMs, beat, signal);
      if (signal.aborted) return 'CLOSED';
      if (code === 'NONE') this.#heartbeatAt = sentAt;
      else if (code === 'FENCED_INSTANCE_ID' || REJOINS.has(code)) return code;
    }
  }

  /** Never rejects: a broker that is away may be back before the session's end. */
  async #ask(groupId: string, values: object): Promise<string> {
    try {
      const link = await coordinatorOf(this.#cluster, groupId);
      const answer = await link.ask<{ readonly errorCode: number }>('Heartbeat', values);
      failOn(answer.errorCode, 'a heartbeat');
      return 'NONE';
    } catch (error) {
      return codeOf(error);
    }
  }

  #onJoined(assignment: GroupAssignment): void {
    this.#joined = true;
    this.#heartbeatAt = performance.now();
    this.#backoff.reset();
    this.#call(() => this.#options.onAssigned(assignment));
  }

  #onLost(): void {
    if (!this.#joined || this.#closed.signal.aborted) return;
    this.#joined = false;
    this.#call(() => this.#options.onRevoked());
  }

  #call(callback: () => Promise<void>): void {
    this.#calls = this.#calls.then(callback).catch((error: unknown) => {
      // A callback that fails is a broken runner: better no process than one that only looks alive.
      queueMicrotask(() => {
        throw error;
      });
    });
  }

  #fence(): void {
    const { instanceId, groupId } = this.#options;
    this.#closed.abort();
    const message =
      `Another process joined group ${groupId} as ${instanceId}. Give each process an instance id ` +
      `of its own, or stop one of the two.`;
    this.#options.onFenced(new KafkaError('FENCED_INSTANCE_ID', false, message));
  }

  /** The broker may be away or silent: the others then wait for the session's end, this process need not. */
  async #leave(): Promise<void> {
    if (this.#memberId === '') return;
    const { groupId, instanceId } = this.#options;
    const left = coordinatorOf(this.#cluster, groupId)
      .then((link) =>
        link.ask('LeaveGroup', {
          groupId,
          memberId: this.#memberId,
          groupInstanceId: instanceId,
        }),
      )
      .catch(() => {});
    const over = new AbortController();
    await Promise.race([left, pause(CLIENT_LIMITS.leaveMs, over.signal)]);
    over.abort();
  }
}

/** What it resolves with, or TIMEOUT after `ms` or when the signal aborts. */
async function within(ms: number, answer: Promise<string>, signal: AbortSignal): Promise<string> {
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener('abort', end, { once: true });
  const first = await Promise.race([answer, pause(ms, over.signal).then(() => 'TIMEOUT')]);
  signal.removeEventListener('abort', end);
  over.abort();
  return first;
}
