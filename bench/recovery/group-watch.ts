import { setTimeout as pause } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';

const LOOK_EVERY_MS = 20;

/** What a broker said of a consumer group. Units: `at` is performance.now() when the answer was there. */
interface Look {
  readonly at: number;
  readonly isStable: boolean;
  readonly members: ReadonlySet<string>;
}

/** When the broker let go of who was killed, and when the group had its tasks handed out anew. Units: performance.now(). */
export interface Handover {
  readonly detectedAt: number | null;
  readonly assignedAt: number | null;
}

/**
 * Looks at a consumer group again and again, the same way for whoever stands behind it.
 *
 * Limits: every 20 ms; only changes are kept.
 */
export class GroupWatch {
  readonly #admin: Admin;
  readonly #group: string;
  readonly #looks: Look[] = [];
  readonly #life: Promise<void>;
  #ended = false;

  constructor(brokers: readonly string[], group: string) {
    this.#admin = new Admin({
      clientId: 'bench-watch',
      bootstrapBrokers: [...brokers],
      retries: 0,
    });
    this.#group = group;
    this.#life = this.#watch();
  }

  /**
   * What followed a kill: detected when a member that was there is there no more, assigned when the group is stable after
   * that. null: not seen, as where the same member is back before its session ends.
   */
  handoverAfter(killedAt: number): Handover {
    const before = this.#looks.findLast(({ at }) => at <= killedAt)?.members ?? new Set<string>();
    const after = this.#looks.filter(({ at }) => at > killedAt);
    const isGone = ({ members }: Look): boolean => [...before].some((id) => !members.has(id));
    const gone = after.find(isGone);
    const assigned = gone && after.find((look) => look.at >= gone.at && look.isStable);
    return { detectedAt: gone?.at ?? null, assignedAt: assigned?.at ?? null };
  }

  /** Members that the group had when it was last stable; 0 while it is not. */
  get stableMembers(): number {
    const last = this.#looks.at(-1);
    return last?.isStable === true ? last.members.size : 0;
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#life;
    await this.#admin.close();
  }

  async #watch(): Promise<void> {
    while (!this.#ended) {
      // A look that fails says nothing: the next one will.
      await this.#look().catch(() => undefined);
      await pause(LOOK_EVERY_MS);
    }
  }

  async #look(): Promise<void> {
    const groups = await this.#admin.describeGroups({ groups: [this.#group] });
    const found = groups.get(this.#group);
    if (found === undefined) return;
    const look = {
      at: performance.now(),
      isStable: found.state.toUpperCase() === 'STABLE',
      members: new Set(found.members.keys()),
    };
    const last = this.#looks.at(-1);
    if (last === undefined || !isSame(last, look)) this.#looks.push(look);
  }
}

function isSame(one: Look, other: Look): boolean {
  if (one.isStable !== other.isStable || one.members.size !== other.members.size) return false;
  return [...one.members].every((id) => other.members.has(id));
}
