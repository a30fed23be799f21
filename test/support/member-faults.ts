import { setTimeout as pause } from 'node:timers/promises';
import { KAFKA_CLIENTS } from '../../kafka/clients.ts';
import type { Crew } from './crew.ts';
import type { CrewMember } from './crew-member.ts';
import type { FaultContext } from './fault-kinds.ts';
import type { KillSteps } from './fault-steps.ts';
import { longEnough } from './journal-faults.ts';

export const SHORT_SESSION_MS = 3_000;
/** Nobody takes over while a member is down. */
export const LONG_SESSION_MS = 20_000;
/** Kills in a row of the processes of one member, before it is the other's turn. */
const KILLS_IN_A_ROW = 5;
/** Partitions of the counter and of the tally. */
const ALL_TASKS = 8;

/**
 * A member is killed 0 to 1 s after its process has journaled its first batch, and so is the process that takes its place; the
 * other member stays. Every few kills they change over.
 */
export async function kill({ crew, rounds, steps }: FaultContext): Promise<string> {
  let [stays, newest] = await newCrew(crew);
  for (let round = 1; round <= rounds; round++) {
    await pause(Math.random() * 1_000);
    await killOne(newest, steps);
    newest = crew.member(newest.settings.member);
    await newest.journaled();
    if (round % KILLS_IN_A_ROW !== 0) continue;
    await newest.ready();
    await stays.end('SIGTERM');
    const next = crew.member(stays.settings.member);
    await next.journaled();
    [stays, newest] = [newest, next];
  }
  await Promise.all([stays.ready(), newest.ready()]);
  await Promise.all([stays.works(), newest.works()]);
  return `${rounds} kills`;
}

/** The second of two is the newer one. */
async function newCrew(crew: Crew): Promise<readonly [CrewMember, CrewMember]> {
  const [first] = await crew.members(['1']);
  const second = crew.member('2');
  await second.journaled();
  if (first === undefined) throw new Error('There is no member.');
  return [first, second];
}

/** The same 0.1 to 1 s after its process has begun to take its tasks. */
export async function killEarly({ crew, rounds, steps }: FaultContext): Promise<string> {
  const [first, second] = await newCrew(crew);
  let newest = second;
  for (let round = 0; round < rounds; round++) {
    await killOne(newest, steps);
    newest = crew.member('2');
    await newest.started();
    await pause(100 + Math.random() * 900);
  }
  await killOne(newest, steps);
  newest = crew.member('2');
  await newest.ready();
  await Promise.all([first.works(), newest.works()]);
  return `${rounds} kills`;
}

async function killOne(member: CrewMember, steps: KillSteps): Promise<void> {
  await member.end('SIGKILL');
  steps.add(member.steps);
}

/** A member is killed, and those that followed its journals take over; then it comes back to its disk. */
export async function standby({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { sessionTimeoutMs: SHORT_SESSION_MS, standbys: 1 };
  const members = ['1', '2'].map((name) => crew.member(name, settings));
  await Promise.all(members.map((member) => member.ready()));
  for (let round = 0; round < rounds; round++) {
    const [killed, other] = round % 2 === 0 ? members : [...members].reverse();
    if (killed === undefined || other === undefined) break;
    await Promise.all([killed.works(), other.works()]);
    await killed.end('SIGKILL');
    await ownsAll(other);
    await other.works();
    const again = crew.member(killed.settings.member, settings);
    members[members.indexOf(killed)] = again;
    await again.ready();
    await again.works();
  }
  return `${rounds} takeovers by standbys`;
}

/** A member is held past its session's end, and goes on when another owns its tasks. */
export async function zombie({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { sessionTimeoutMs: SHORT_SESSION_MS };
  const [first, second] = [crew.member('1', settings), crew.member('2', settings)];
  await Promise.all([first.ready(), second.ready()]);
  for (let round = 0; round < rounds; round++) {
    const [held, other] = round % 2 === 0 ? [first, second] : [second, first];
    held.signal('SIGSTOP');
    await ownsAll(other);
    await other.works();
    held.signal('SIGCONT');
    await held.until('has its share again', () => running(held) > 0 && running(held) < ALL_TASKS);
    await held.works();
  }
  return `${rounds} members held`;
}

export function ownsAll(member: CrewMember): Promise<void> {
  return member.until('owns every task', () => running(member) === ALL_TASKS);
}

export function running({ tasks }: CrewMember): number {
  return tasks.filter((task) => task.endsWith(' running')).length;
}

/** A group whose members have different Kafka clients; each in turn ends, and comes back with the other one's. */
export async function clients({ crew, rounds }: FaultContext): Promise<string> {
  const start = (place: number, turn: number): CrewMember => {
    const kafkaClient = KAFKA_CLIENTS[(place + turn) % KAFKA_CLIENTS.length];
    if (kafkaClient === undefined) throw new Error('There is no Kafka client.');
    return crew.member(String(place + 1), { sessionTimeoutMs: LONG_SESSION_MS, kafkaClient });
  };
  const members = [start(0, 0), start(1, 0)];
  await Promise.all(members.map((member) => member.ready()));
  for (let turn = 1; turn <= 2 * rounds; turn++)
    for (const place of members.keys()) {
      await members[place]?.end('SIGTERM');
      const next = start(place, turn);
      members[place] = next;
      await next.ready();
      await Promise.all(members.map((member) => member.works()));
    }
  return `${4 * rounds} members came back with the other client`;
}

/** Each member in turn ends, and comes back with a newer schema of its states. */
export async function deploy({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { sessionTimeoutMs: LONG_SESSION_MS };
  const members = [crew.member('1', settings), crew.member('2', settings)];
  await Promise.all(members.map((member) => member.ready()));
  for (const member of members)
    await member.until('has its share', () => running(member) === ALL_TASKS / 2);
  // Sharing out the tasks is no deploy, and what was under way meanwhile may stand twice.
  await crew.settle();
  crew.load();
  const counted = [(await crew.look()).visibleDuplicates];
  for (let round = 0; round < rounds; round++) {
    for (const [place, name] of ['1', '2'].entries()) {
      await members[place]?.end('SIGTERM');
      const next = crew.member(name, { ...settings, stateVersion: round + 2 });
      members[place] = next;
      await next.ready();
      await next.works();
      await next.until('has brought states up', () => next.upcasts.has(round + 1));
    }
    counted.push((await crew.look()).visibleDuplicates);
  }
  const each = counted.slice(1).map((count, round) => count - (counted[round] ?? 0));
  return `${each.join(', ')} visible duplicates in ${rounds} rolling deploys`;
}

/**
 * A member comes back with code that is older than the states: it refuses its tasks by name, and the newer one gets them. Without a
 * newer one it goes on refusing, and what is newer then takes up where the states are.
 */
export async function downgrade({ crew, rounds }: FaultContext): Promise<string> {
  const newer = { sessionTimeoutMs: LONG_SESSION_MS, stateVersion: 2 };
  let [stays, goes] = await crew.members(['1', '2'], newer);
  await longEnough(crew, ['counter.journal', 'tally.journal']);
  for (let round = 0; round < rounds && stays !== undefined; round++) {
    await goes?.end('SIGTERM');
    const older = crew.member('2', { ...newer, stateVersion: 1 });
    await ownsAll(stays);
    await stays.works();
    await stays.end('SIGUSR2');
    await older.until(
      'refuses every task',
      () => older.tasks.filter(isTooOld).length === ALL_TASKS,
    );
    await older.end('SIGTERM');
    [stays, goes] = await crew.members(['1', '2'], newer);
  }
  return `${rounds} times refused, and handed to newer code`;
}

function isTooOld(task: string): boolean {
  return /holds states of \w+ in version 2, this code knows 1/.test(task);
}

/** A third member comes and leaves. */
export async function scale({ crew, rounds }: FaultContext): Promise<string> {
  const [first] = await crew.members(['1', '2']);
  for (let round = 0; round < rounds; round++) {
    const third = crew.member('3');
    await third.ready();
    await third.works();
    await third.end('SIGUSR2');
    await first?.works();
  }
  return `${rounds} times in and out`;
}
