import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { VoidRunError } from '../latency/audit.ts';
import { headOf, loadAverage } from '../latency/machine.ts';
import { sendAtRate, sendFlatOut } from '../chain/load.ts';
import { aboutOf, systemsOf } from '../chain/run.ts';
import { type ChainStand, FIRST_MEMBER, type Lane, startStand } from '../chain/system.ts';
import { type ChainSystem, SYSTEMS } from '../chain/systems.ts';
import type { Shape } from '../chain/work.ts';
import { GroupWatch } from './group-watch.ts';
import { milestonesOf } from './milestones.ts';
import type { Recovery, RecoveryReport } from './report.ts';
import { restoreFacts } from './restore.ts';

/**
 * How a member is lost, by SIGKILL but for a deploy. `restart`: it is started again at once, with what it has on its disk. `cold`: likewise,
 * with its folder deleted. `takeover`: another member that runs beside it takes its tasks. `standby`: likewise, and has followed.
 * `deploy`: each of two members in turn is asked to end and started again, the second when the first is back.
 */
export const KINDS = ['restart', 'cold', 'takeover', 'standby', 'deploy'] as const;
export type Kind = (typeof KINDS)[number];

export interface RecoveryPlan {
  readonly systems: readonly string[];
  readonly kinds: readonly Kind[];
  /** Keys that have a state when the member is lost. */
  readonly keys: readonly number[];
  readonly rounds: number;
  readonly valueBytes: number;
  readonly partitions: number;
  /** Load before the kill, and after it: past a session time-out, a rebalance and a restore. */
  readonly beforeS: number;
  readonly afterS: number;
}

const RATE = 100;
const AHEAD = 10_000;
const SECOND_MEMBER = '2';
/** Systems whose members can follow another's state, with the setting. */
const FOLLOWS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  millrace: { STANDBYS: '1' },
  'streams-eos-fast': { STANDBYS: '1' },
  'streams-eos': { STANDBYS: '1' },
};

/**
 * Kills a member under load and says how long what followed took, by what its outputs, the group and the journal show. Copies of
 * outputs are counted, a lost or misplaced output voids the run.
 *
 * Throws: VoidRunError; PartError.
 */
export async function runRecovery(
  plan: RecoveryPlan,
  tell: (line: string) => void,
): Promise<RecoveryReport> {
  const loadBefore = loadAverage();
  const { running, leftOut } = systemsOf(plan.systems, 'count');
  for (const reason of leftOut) tell(reason);
  const stand = await startStand(tell);
  try {
    const recoveries: Recovery[] = [];
    for (const keys of plan.keys)
      for (let round = 1; round <= plan.rounds; round++)
        for (const kind of plan.kinds)
          for (const system of running) {
            if (kind === 'standby' && FOLLOWS[system.name] === undefined) continue;
            tell(`${system.name}: ${kind} with ${keys} keys, round ${round}`);
            recoveries.push(await recover(stand, system, { plan, keys, kind, round }));
          }
    return {
      ...headOf(plan, loadBefore),
      systems: running.map(aboutOf),
      leftOut,
      recoveries,
    };
  } finally {
    await stand.stop();
  }
}

interface Case {
  readonly plan: RecoveryPlan;
  readonly keys: number;
  readonly kind: Kind;
  readonly round: number;
}

async function recover(stand: ChainStand, system: ChainSystem, about: Case): Promise<Recovery> {
  const { plan, keys, kind, round } = about;
  const { valueBytes, partitions } = plan;
  const shape: Shape = {
    valueBytes,
    partitions,
    keys: Math.max(1, keys),
    hot: false,
    work: 'count',
  };
  const lane = await stand.lane(`${kind}${keys}-${system.name}-${round}.`, shape);
  const started = kind === 'standby' ? withSettings(system, FOLLOWS[system.name] ?? {}) : system;
  const watch = new GroupWatch(stand.brokers, system.group({ prefix: lane.prefix, work: 'count' }));
  try {
    await stand.launch(started, lane);
    if (keys > 0) await sendFlatOut(lane, { count: keys, ahead: AHEAD });
    await sendAtRate(lane, { rate: RATE, count: RATE });
    const isShared = kind === 'takeover' || kind === 'standby' || kind === 'deploy';
    if (isShared) await joined(stand, started, lane, watch);
    const first = lane.maker.made;
    const load = sendAtRate(lane, { rate: RATE, count: RATE * (plan.beforeS + plan.afterS) });
    load.catch(() => undefined);
    await pause(plan.beforeS * 1_000);
    const [killedAt, killedWall] = [performance.now(), Date.now()];
    if (kind === 'deploy') await deploy(stand, started, lane, watch);
    else await stand.kill(lane);
    if (kind === 'cold') await rm(stand.folderOf(lane), { recursive: true, force: true });
    if (!isShared) await stand.launch(started, lane);
    const sent = (await load).map((timed, index) => ({
      ...timed,
      partition: lane.maker.partitionOf(first + index),
    }));
    const { detectedAt, assignedAt } = watch.handoverAfter(killedAt);
    for (const member of [FIRST_MEMBER, SECOND_MEMBER]) await stand.end(lane, member);
    const { copies } = await stand.check(lane, 'count');
    const handledAgain = (await stand.written(lane)) - lane.maker.made;
    const isOwn = system.name === 'millrace' && kind !== 'deploy';
    return {
      ...{ system: system.name, kind, keys, round, copies, handledAgain },
      detectedMs: detectedAt === null ? null : Math.round(detectedAt - killedAt),
      assignedMs: assignedAt === null ? null : Math.round(assignedAt - killedAt),
      ...milestonesOf(sent, killedAt),
      restore: isOwn ? await restoreFacts(stand, lane, killedWall) : null,
    };
  } finally {
    await watch.close();
    await stand.close(lane);
  }
}

const JOIN_LIMIT_MS = 90_000;
/** A member that has joined still has to restore, or to follow: it gets this long before the other is lost. */
const SETTLE_MS = 5_000;

/** Starts the second member and waits until the group has both. */
async function joined(
  stand: ChainStand,
  system: ChainSystem,
  lane: Lane,
  watch: GroupWatch,
): Promise<void> {
  await stand.launch(system, lane, SECOND_MEMBER);
  await untilTwo(system, watch);
  await sendAtRate(lane, { rate: RATE, count: (RATE * SETTLE_MS) / 1_000 });
}

async function untilTwo({ name }: ChainSystem, watch: GroupWatch): Promise<void> {
  const deadline = performance.now() + JOIN_LIMIT_MS;
  while (watch.stableMembers !== 2) {
    if (performance.now() > deadline)
      throw new VoidRunError(`${name} has no second member after ${JOIN_LIMIT_MS} ms.`);
    await pause(50);
  }
}

/** What an orchestrator does with two replicas: the load goes on meanwhile. */
async function deploy(
  stand: ChainStand,
  system: ChainSystem,
  lane: Lane,
  watch: GroupWatch,
): Promise<void> {
  for (const member of [FIRST_MEMBER, SECOND_MEMBER]) {
    await stand.end(lane, member);
    await stand.launch(system, lane, member);
    // A member that is just started has not joined yet, and one that keeps its membership never seems away.
    await pause(SETTLE_MS);
    await untilTwo(system, watch);
  }
}

function withSettings(
  system: ChainSystem,
  settings: Readonly<Record<string, string>>,
): ChainSystem {
  return {
    ...system,
    command: (where) => system.command({ ...where, env: { ...where.env, ...settings } }),
  };
}

/** All that keep what they have read. */
export const CAN_RECOVER: readonly string[] = Object.keys(SYSTEMS).filter(
  (name) => name !== 'twin',
);
