import { setTimeout as pause } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { add } from './counter.ts';
import type { Crew } from './crew.ts';
import type { CrewMember } from './crew-member.ts';
import { type Step, STEPS } from './fault-steps.ts';
import { journalTail, storeDamage, storeFull } from './store-faults.ts';

/** What a kind of fault can do to the broker, when it is one of its own. */
export interface BrokerControl {
  stop(): Promise<void>;
  start(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Where it keeps what it has. */
  readonly folder: string;
}

export interface FaultContext {
  readonly crew: Crew;
  readonly brokers: readonly string[];
  /** How often; 1 for the quick tests. */
  readonly rounds: number;
  /** Steps that kills fell into. */
  readonly steps: Map<Step, number>;
  /** Only kinds that say so have one. */
  readonly broker: BrokerControl | null;
}

export interface FaultKind {
  readonly name: string;
  readonly needsOwnBroker?: boolean;
  /** Leaves a crew that can finish what was sent. Answers a remark for the table. */
  act(context: FaultContext): Promise<string>;
}

const SHORT_SESSION_MS = 3_000;

/** A member is killed and started again, in turn, at random 0 to 1 s after its first confirmed batch. */
async function kill({ crew, rounds, steps }: FaultContext): Promise<string> {
  const members = [...(await crew.members('1', '2'))];
  for (let round = 0; round < rounds; round++) {
    await pause(Math.random() * 1_000);
    await killOne(members, round % 2, steps);
    const again = crew.member(String((round % 2) + 1));
    members[round % 2] = again;
    await again.ready();
    await again.works();
  }
  return `${rounds} kills`;
}

/** The same 0.1 to 1 s after it has begun to take its tasks. */
async function killEarly({ crew, rounds, steps }: FaultContext): Promise<string> {
  const members = [...(await crew.members('1', '2'))];
  for (let round = 0; round < rounds; round++) {
    await killOne(members, 1, steps);
    members[1] = crew.member('2');
    await members[1].started();
    await pause(100 + Math.random() * 900);
  }
  await killOne(members, 1, steps);
  const last = crew.member('2');
  await last.ready();
  return `${rounds} kills`;
}

async function killOne(
  members: readonly CrewMember[],
  which: number,
  steps: Map<Step, number>,
): Promise<void> {
  const member = members[which];
  if (member === undefined) return;
  await member.end('SIGKILL');
  for (const step of member.steps) steps.set(step, (steps.get(step) ?? 0) + 1);
}

/** A member with local stores is killed, and those that followed its journals take over; then it comes back to its disk. */
async function standby({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { sessionTimeoutMs: SHORT_SESSION_MS, data: crew.data, standbys: 1 };
  const members = ['1', '2'].map((name) => crew.member(name, settings));
  await Promise.all(members.map((member) => member.ready()));
  for (let round = 0; round < rounds; round++) {
    const [killed, other] = round % 2 === 0 ? members : [...members].reverse();
    if (killed === undefined || other === undefined) break;
    await Promise.all([killed.works(), other.works()]);
    await killed.end('SIGKILL');
    await other.until('owns every task', () => running(other) === ALL_TASKS);
    await other.works();
    const again = crew.member(killed.settings.member, settings);
    members[members.indexOf(killed)] = again;
    await again.ready();
    await again.works();
  }
  return `${rounds} takeovers by standbys`;
}

/** A member is held past its session's end, and goes on when another owns its tasks. */
async function zombie({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { sessionTimeoutMs: SHORT_SESSION_MS };
  const [first, second] = [crew.member('1', settings), crew.member('2', settings)];
  await Promise.all([first.ready(), second.ready()]);
  for (let round = 0; round < rounds; round++) {
    const [held, other] = round % 2 === 0 ? [first, second] : [second, first];
    held.signal('SIGSTOP');
    await other.until('owns every task', () => running(other) === ALL_TASKS);
    await other.works();
    held.signal('SIGCONT');
    await held.until('has its share again', () => running(held) > 0 && running(held) < ALL_TASKS);
    await held.works();
  }
  return `${rounds} members held`;
}

/** Partitions of the counter and of the tally. */
const ALL_TASKS = 8;

function running({ tasks }: CrewMember): number {
  return tasks.filter((task) => task.endsWith(' running')).length;
}

/** Each member in turn ends, and comes back with a newer schema of its states. */
async function deploy({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { sessionTimeoutMs: 20_000 };
  const members = [crew.member('1', settings), crew.member('2', settings)];
  await Promise.all(members.map((member) => member.ready()));
  const before = (await crew.look()).visibleDuplicates;
  for (let round = 0; round < rounds; round++)
    for (const [place, name] of ['1', '2'].entries()) {
      await members[place]?.end('SIGTERM');
      const next = crew.member(name, { ...settings, stateVersion: round + 2 });
      members[place] = next;
      await next.ready();
      await next.works();
    }
  const duplicates = (await crew.look()).visibleDuplicates - before;
  return `${duplicates / rounds} visible duplicates per rolling deploy`;
}

/** A third member comes and leaves. */
async function scale({ crew, rounds }: FaultContext): Promise<string> {
  const [first] = await crew.members('1', '2');
  for (let round = 0; round < rounds; round++) {
    const third = crew.member('3');
    await third.ready();
    await third.works();
    await third.end('SIGUSR2');
    await first?.works();
  }
  return `${rounds} times in and out`;
}

/** One member's connections are cut, stand still, and are slow. */
async function network({ crew, brokers, rounds }: FaultContext): Promise<string> {
  const proxy = await startFaultProxy({ broker: brokers[0] ?? '' });
  const [first, second] = [
    crew.member('1', { sessionTimeoutMs: SHORT_SESSION_MS }),
    crew.member('2', { brokers: [proxy.address], sessionTimeoutMs: SHORT_SESSION_MS }),
  ];
  try {
    await Promise.all([first.ready(), second.ready()]);
    for (let round = 0; round < rounds; round++) await disturb(proxy, first, second);
  } finally {
    await second.end();
    await proxy.close();
  }
  return `${rounds} times cut, half open, slow`;
}

async function disturb(proxy: FaultProxy, first: CrewMember, second: CrewMember): Promise<void> {
  for (let cut = 0; cut < 3; cut++) {
    proxy.resetAll();
    await second.works();
  }
  let answersLost = 0;
  proxy.onProduce(() => (answersLost++ < 3 ? 'cut-after' : 'pass'));
  await second.works();
  proxy.stall();
  await first.until('owns every task', () => running(first) === ALL_TASKS);
  proxy.resume();
  await second.until('has its share again', () => running(second) > 0);
  proxy.onProduce(() => ({ delayMs: 50 + Math.random() * 200 }));
  await second.works();
  await second.works();
  proxy.onProduce(() => 'pass');
}

/** Records that cannot be read, handlers that throw, one key with most of the load, emits that are too large. */
async function input({ crew, rounds }: FaultContext): Promise<string> {
  const [first, second] = await crew.members('1', '2');
  const { counter } = crew;
  for (let round = 0; round < rounds; round++) {
    const fail = (name: string) =>
      add(`${name}-${round}`, `${name}-${round}`, { amount: 1, fail: name });
    const poison = counter.recordOf(add(`poison-${round}`, `p${round}`, { amount: 1 }));
    await counter.send({ ...poison, value: Buffer.from('no event') });
    await counter.send({ ...poison, key: null }, { ...poison, value: null });
    await counter.send({ ...poison, partition: (poison.partition + 1) % 4 });
    await counter.publish(...['throw', 'huge', 'invalid', 'dead', 'effect'].map(fail));
    const hot = Array.from({ length: 500 }, (_, each) =>
      add('hot', `hot-${round}-${each}`, { amount: 1_000 }),
    );
    await counter.publish(...hot);
    await counter.publish(fail('throw'), add(`throw-${round}`, `after-${round}`, { amount: 1 }));
  }
  await Promise.all([first?.works(), second?.works()]);
  return `${rounds} rounds of bad records`;
}

/** The broker is killed and started again. */
async function brokerRestart({ crew, rounds, broker }: FaultContext): Promise<string> {
  const members = await crew.members('1', '2');
  for (let round = 0; round < rounds; round++) {
    await broker?.stop();
    await broker?.start();
    await Promise.all(members.map((member) => member.works()));
  }
  return `${rounds} broker restarts`;
}

/** The broker hangs while a member restores. */
async function brokerHang({ crew, rounds, broker }: FaultContext): Promise<string> {
  const [first, second] = await crew.members('1', '2');
  let member = second;
  for (let round = 0; round < rounds; round++) {
    await member?.end('SIGKILL');
    member = crew.member('2');
    await member.started();
    broker?.signal('SIGSTOP');
    await pause(4_000);
    broker?.signal('SIGCONT');
    await member.ready();
    await Promise.all([first?.works(), member.works()]);
  }
  return `${rounds} hangs in a restore`;
}

export const FAULT_KINDS: readonly FaultKind[] = [
  { name: 'kill', act: kill },
  { name: 'kill-early', act: killEarly },
  { name: 'standby', act: standby },
  { name: 'zombie', act: zombie },
  { name: 'deploy', act: deploy },
  { name: 'scale', act: scale },
  { name: 'network', act: network },
  { name: 'input', act: input },
  { name: 'store-damage', act: storeDamage },
  { name: 'store-full', act: storeFull },
  { name: 'journal-tail', needsOwnBroker: true, act: journalTail },
  { name: 'broker-restart', needsOwnBroker: true, act: brokerRestart },
  { name: 'broker-hang', needsOwnBroker: true, act: brokerHang },
];

/** Steps that fewer than this many kills of a long run fell into have not been tested. */
export const KILLS_PER_STEP = 3;

/** Throws: Error that names the steps which too few kills fell into. */
export function requireEveryStep(steps: ReadonlyMap<Step, number>): void {
  const rare = STEPS.filter((step) => (steps.get(step) ?? 0) < KILLS_PER_STEP);
  if (rare.length > 0)
    throw new Error(`Fewer than ${KILLS_PER_STEP} kills fell into: ${rare.join(', ')}.`);
}
