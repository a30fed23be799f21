import type {
  FetchPosition,
  GroupAssignment,
  GroupMembership,
  GroupOptions,
} from '../../kafka/client.ts';
import { KafkaError } from '../../kafka/client.ts';
import { Backoff, pause } from '../../kafka/wait.ts';
import type { SimulatedGroup } from './group.ts';

export interface SimulatedMembershipOptions {
  readonly options: GroupOptions;
  readonly group: SimulatedGroup;
  /** Through the network to the coordinator and back. */
  ask<Result>(act: () => Promise<Result>): Promise<Result>;
  now(): number;
  note(what: string): void;
  onCommitted(offsets: readonly FetchPosition[]): void;
}

/** The member's side: heartbeats, and a new attempt after every loss, as the real adapters do. */
export class SimulatedMembership implements GroupMembership {
  readonly #in: SimulatedMembershipOptions;
  readonly #closed = new AbortController();
  readonly #life: Promise<void>;
  #assignment: GroupAssignment | null = null;
  #heartbeatAt = Number.NEGATIVE_INFINITY;
  #calls: Promise<void> = Promise.resolve();

  constructor(options: SimulatedMembershipOptions) {
    this.#in = options;
    this.#life = this.#live();
  }

  get joined(): boolean {
    return this.#assignment !== null;
  }

  get heartbeatAgeMs(): number {
    return this.#in.now() - this.#heartbeatAt;
  }

  async commit(offsets: readonly FetchPosition[]): Promise<Error | null> {
    const { group, options, onCommitted } = this.#in;
    const assignment = this.#assignment;
    if (assignment === null) return new Error('not a member of the group now');
    const { memberId, generation } = assignment;
    try {
      const refusal = await this.#in.ask(async () => {
        const refused = group.commit(options.instanceId, memberId, generation, offsets);
        if (refused === null) onCommitted(offsets);
        return refused;
      });
      return refusal === null ? null : new Error(refusal);
    } catch (error) {
      return error as Error;
    }
  }

  async close(how: 'leave' | 'stay'): Promise<void> {
    this.#closed.abort();
    await this.#life;
    await this.#calls;
    const assignment = this.#assignment;
    this.#assignment = null;
    if (how === 'leave' && assignment !== null)
      await this.#in.ask(async () => this.#in.group.leave(assignment.memberId)).catch(() => {});
  }

  async #live(): Promise<void> {
    const { signal } = this.#closed;
    const backoff = new Backoff(200, 2_000);
    while (!signal.aborted) {
      try {
        await this.#beMember();
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
      }
      if (signal.aborted) return;
      if (this.#assignment !== null) this.#call(() => this.#in.options.onRevoked());
      this.#assignment = null;
      await pause(backoff.next(), signal);
    }
  }

  async #beMember(): Promise<void> {
    const { group, options, ask, now } = this.#in;
    const { instanceId, sessionTimeoutMs, heartbeatIntervalMs } = options;
    const joinedAt = now();
    let member = await ask(async () => group.join(instanceId, sessionTimeoutMs));
    this.#heartbeatAt = joinedAt;
    this.#take(member);
    let lastAnswer = now();
    while (!this.#closed.signal.aborted) {
      await pause(heartbeatIntervalMs, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      const sentAt = now();
      try {
        const answer = await ask(async () => group.heartbeat(instanceId, member.memberId));
        lastAnswer = now();
        if (typeof answer === 'string') return this.#refused(answer);
        this.#heartbeatAt = sentAt;
        if (answer.generation === member.generation) continue;
        member = answer;
        this.#take(member);
      } catch (error) {
        // Unheard for so long, the coordinator has given the member up.
        if (now() - lastAnswer > sessionTimeoutMs) throw error;
      }
    }
  }

  #take(assignment: GroupAssignment): void {
    if (this.#closed.signal.aborted) return;
    this.#assignment = assignment;
    this.#in.note(`assigned [${assignment.partitions.join()}] in ${assignment.generation}`);
    this.#call(() => this.#in.options.onAssigned(assignment));
  }

  #refused(answer: string): void {
    this.#in.note(answer);
    if (answer !== 'FENCED_INSTANCE_ID') return;
    this.#closed.abort();
    this.#in.options.onFenced(new Error(answer));
  }

  #call(callback: () => Promise<void>): void {
    this.#calls = this.#calls.then(callback);
  }
}
