import type { AvroCodec } from '../../avro/index.ts';
import { buildTopology, deadLetterTopics, retryTopics } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { checkAnomalies } from '../../testing/anomaly-checker.ts';
import { SimulatedBroker } from '../../testing/simulation/broker.ts';
import { type Fault, FaultSchedule } from '../../testing/simulation/fault.ts';
import { World } from '../../testing/simulation/world.ts';
import { offlineCodec } from '../support/test-application.ts';
import { LEDGER, RUNGS_MS } from './ledger.ts';
import { Oracle } from './oracle.ts';
import { causeLoss, type Loss, RESTART_MS } from './loss.ts';
import { type Plan, SLOTS, STORM_MS } from './plan.ts';
import { outOfPlace } from './read-models.ts';
import { SESSION_TIMEOUT_MS, Slot } from './slot.ts';
import { Workload } from './workload.ts';

export const PARTITIONS = 2;
/** After the storm every fault is over; what then is not done by this time is not coming. */
const CALM_MS = 60_000;
/** Landings may be this late. */
const LATEST_MS = 7_000;
const CODEC = offlineCodec(LEDGER);
export interface Outcome {
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  /** How often each kind of fault happened. */
  readonly fired: ReadonlyMap<string, number>;
  readonly virtualMs: number;
  readonly counts: {
    readonly batches: number;
    readonly voidBatches: number;
    readonly fences: number;
    readonly duplicates: number;
  };
}

/** Runs one plan from its first to its last event. */
export async function simulate(plan: Plan): Promise<Outcome> {
  return new Simulation(plan).run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #broker: SimulatedBroker;
  readonly #oracle: Oracle;
  readonly #faults: FaultSchedule;
  readonly #workload: Workload;
  readonly #topology;
  readonly #slots: readonly Slot[];
  readonly #codec: AvroCodec = CODEC;
  readonly #stops: string[] = [];
  #isOver = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#world = new World(plan.seed);
    this.#faults = new FaultSchedule(plan.faults);
    const { deployment, policy } = plan;
    const ladder = { onFailure: { policy: 'ladder', delaysMs: RUNGS_MS } } as const;
    this.#topology = buildTopology({
      ...LEDGER.definition,
      deployment,
      ...(policy === 'ladder' ? ladder : {}),
    });
    this.#oracle = new Oracle({
      topology: this.#topology,
      codec: this.#codec,
      partitions: PARTITIONS,
      partitionOf: (key) => partitionOf(Buffer.from(key), PARTITIONS),
      nowMs: () => this.#world.nowMs,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    });
    this.#broker = new SimulatedBroker(this.#world, {
      appended: (...appended) => {
        this.#oracle.appended(...appended);
        this.#workload.sees(...appended);
      },
      committed: (_group, offsets) => this.#oracle.committed(offsets),
    });
    this.#workload = new Workload({
      world: this.#world,
      broker: this.#broker,
      topology: this.#topology,
      codec: this.#codec,
      partitions: PARTITIONS,
      parked: () => this.#oracle.models.flatMap(({ parked }) => [...parked]),
    });
    this.#slots = Array.from(
      { length: SLOTS },
      (_, index) =>
        new Slot({
          index,
          world: this.#world,
          broker: this.#broker,
          faults: this.#faults,
          topology: this.#topology,
          codec: this.#codec,
          partitions: PARTITIONS,
          stores: plan.stores,
          onPerformed: (id, host) => this.#oracle.performed(id, host),
          onStopped: (code) => this.#stopped(code),
        }),
    );
  }

  async run(): Promise<Outcome> {
    const world = this.#world;
    world.enter(null, () => void this.#live());
    await world.run(() => this.#isOver || this.#isWrong);
    for (const slot of this.#slots) slot.kill();
    const { journals, violations, duplicates } = this.#oracle;
    const sum = (of: (journal: (typeof journals)[number]) => number): number =>
      journals.reduce((total, journal) => total + of(journal), 0);
    return {
      violations,
      trace: world.trace,
      fired: this.#faults.fired,
      virtualMs: world.nowMs,
      counts: {
        batches: sum((journal) => journal.batches.length),
        voidBatches: sum((journal) => journal.voidBatches),
        fences: sum((journal) => journal.fences),
        duplicates,
      },
    };
  }

  /** What comes after a loss is for nobody to judge. */
  get #isWrong(): boolean {
    return this.#plan.loss === null && this.#oracle.violations.length > 0;
  }

  async #live(): Promise<void> {
    await this.#createTopics();
    if (this.#plan.loss === null) await this.#weather();
    else await this.#lose(this.#plan.loss);
    this.#isOver = true;
  }

  async #weather(): Promise<void> {
    this.#slots.slice(0, this.#plan.processes).forEach((slot) => slot.startIn(0));
    for (const fault of this.#plan.faults)
      if (fault.of === 'world') this.#world.after(fault.at, null, () => this.#happen(fault));
    this.#workload.start(STORM_MS);
    await this.#world.pause(STORM_MS);
    this.#calmDown();
    await this.#world.pause(LATEST_MS);
    await this.#settled('after the storm');
    await this.#startCold();
    await this.#settled('after a cold start');
    await this.#checkOnceMore();
    for (let partition = 0; partition < PARTITIONS; partition++)
      this.#oracle.compareReplay(
        partition,
        this.#broker.log(this.#topology.journal, partition).from(0),
      );
  }

  /** The checker that anybody may run on a real broker has to find as little. Compacted topics are beyond it. */
  async #checkOnceMore(): Promise<void> {
    if (this.#faults.fired.has('world/compaction')) return;
    for (const slot of this.#slots) slot.kill();
    const { admin, reader } = this.#broker;
    const names = new TopicNames('');
    const view = { topology: this.#topology, codec: this.#codec, admin, reader, names };
    const { anomalies } = await checkAnomalies({ ...view, settled: true });
    for (const anomaly of anomalies.slice(0, 3))
      this.#oracle.violations.push(`the checker finds ${JSON.stringify(anomaly)}`);
  }

  /** The broker loses what it must not: the task has to stop and say so. */
  async #lose(loss: Loss): Promise<void> {
    const slot = this.#slots[0] as Slot;
    slot.startIn(0);
    this.#workload.start(STORM_MS);
    await this.#world.pause(STORM_MS / 2);
    this.#faults.count(`loss/${loss}`);
    this.#world.note('world', `loss of ${loss}`);
    const stops = await causeLoss(loss, {
      world: this.#world,
      broker: this.#broker,
      journal: this.#topology.journal,
      partitions: PARTITIONS,
      crash: () => slot.crash(RESTART_MS),
    });
    this.#workload.addForEach('after');
    const deadline = this.#world.nowMs + CALM_MS;
    while (this.#stops.length === 0 && this.#world.nowMs < deadline) await this.#world.pause(200);
    const [code] = this.#stops;
    if (code !== stops)
      this.#oracle.violations.push(`a loss of ${loss} ended with ${code}, not with ${stops}`);
  }

  async #createTopics(): Promise<void> {
    const { sources, sinks, journal } = this.#topology;
    const names = [
      ...new Set([
        ...sources,
        ...sinks,
        ...deadLetterTopics(this.#topology),
        ...retryTopics(this.#topology),
        journal,
      ]),
    ];
    for (const name of names)
      await this.#broker.admin.createTopic({
        name,
        partitions: PARTITIONS,
        replicationFactor: 1,
        configs: {},
      });
  }

  #happen(fault: Extract<Fault, { of: 'world' }>): void {
    const { fate, ms } = fault;
    const slot = this.#slots[fault.slot] as Slot;
    const onBroker = (act: () => void): boolean => {
      act();
      return true;
    };
    const hasHappened = (): boolean => {
      switch (fate) {
        case 'crash':
          return slot.crash(ms);
        case 'pause':
          return slot.pause(ms);
        case 'silence':
          return slot.silence(ms);
        case 'leave':
          return slot.leave(ms);
        case 'clock-jump':
          return slot.jump(ms);
        case 'broker-away':
          return onBroker(() => {
            this.#broker.isAway = true;
            this.#world.after(Math.min(ms, 2_000), null, () => (this.#broker.isAway = false));
          });
        case 'disk-lost':
          return slot.loseDisk(ms, false);
        case 'disk-old':
          return slot.loseDisk(ms, true);
        case 'hole':
          return onBroker(() => this.#leaveHole());
        case 'compaction':
          return onBroker(() => {
            for (let of = 0; of < PARTITIONS; of++) this.#broker.log('rm.ledger', of).compact();
          });
        case 'trim-reference':
          return onBroker(() => {
            for (let of = 0; of < PARTITIONS; of++) this.#broker.log('factors', of).trim(-1);
          });
      }
    };
    if (!hasHappened()) return;
    this.#faults.fire(fault);
    this.#world.note('world', `${fate} of s${fault.slot}, ${ms} ms`);
  }

  #leaveHole(): void {
    const { random } = this.#world;
    const topic = random.pick([this.#topology.journal, 'adds', 'totals', 'rk.hints']);
    this.#broker.log(topic, random.between(0, PARTITIONS - 1)).leaveHole();
  }

  #calmDown(): void {
    this.#world.note('world', 'calm');
    this.#faults.isOver = true;
    this.#broker.isAway = false;
    for (const slot of this.#slots) slot.calmDown();
    // Somebody has to be there at all.
    if (!this.#slots.some((slot) => slot.isRunning)) this.#slots[0]?.startIn(0);
  }

  async #startCold(): Promise<void> {
    this.#world.note('world', 'cold start');
    for (const slot of this.#slots) {
      slot.kill();
      // What the journals alone hold has to do.
      slot.wipeDisk();
    }
    await this.#world.pause(5_000);
    this.#workload.addForEach('last');
    this.#slots[1]?.startIn(0);
  }

  /** Waits until everything is done. */
  async #settled(when: string): Promise<void> {
    const deadline = this.#world.nowMs + CALM_MS;
    let missing = this.#missing();
    while (missing.length > 0 && this.#world.nowMs < deadline) {
      await this.#world.pause(200);
      missing = this.#missing();
    }
    if (missing.length > 0)
      this.#oracle.violations.push(`not done ${when}: ${missing.slice(0, 5).join('; ')}`);
  }

  #missing(): readonly string[] {
    const running = new Set(this.#slots.flatMap((slot) => slot.runningTasks));
    if (running.size < PARTITIONS) return [`only ${running.size} tasks run`];
    return [...this.#oracle.missing(), ...this.#staleReadModels()];
  }

  /** What was compacted before the owner looked is gone; brokers wait for an hour. */
  #staleReadModels(): readonly string[] {
    if (this.#faults.fired.has('world/compaction')) return [];
    return Array.from({ length: PARTITIONS }, (_, partition) =>
      outOfPlace(this.#broker.log('rm.ledger', partition).from(0)).map(
        (key) => `the newest ${key} of rm.ledger/${partition} stands behind an older one`,
      ),
    ).flat();
  }

  /** A task stopped by name: right only when the broker has refused or lost something. */
  #stopped(code: string): void {
    this.#stops.push(code);
    if (this.#plan.loss !== null) return;
    const refusals = { APPEND_REFUSED: 'journal/refused', PUBLISH_REFUSED: 'publish/refused' };
    const cause = (refusals as Record<string, string | undefined>)[code];
    if (cause === undefined || !this.#faults.fired.has(cause))
      this.#oracle.violations.push(`a task stopped with ${code}`);
  }
}
