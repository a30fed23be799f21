import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import type { CrewMember } from './crew-member.ts';
import type { FaultContext } from './fault-kinds.ts';
import { longEnough } from './journal-faults.ts';
import { ownsAll, running, SHORT_SESSION_MS } from './member-faults.ts';

/** Longer than a heartbeat may take, shorter than a session. */
const HANG_MS = 4_000;

/** One member's connections are cut, stand still, and are slow. */
export async function network({ crew, brokers, rounds }: FaultContext): Promise<string> {
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
  await ownsAll(first);
  proxy.resume();
  await second.until('has its share again', () => running(second) > 0);
  proxy.onProduce(() => ({ delayMs: 50 + Math.random() * 200 }));
  await second.works();
  await second.works();
  proxy.onProduce(() => 'pass');
}

/** The broker is killed and started again. */
export async function brokerRestart({ crew, rounds, broker }: FaultContext): Promise<string> {
  const members = await crew.members(['1', '2']);
  for (let round = 0; round < rounds; round++) {
    await broker?.stop();
    await broker?.start();
    await Promise.all(members.map((member) => member.works()));
  }
  return `${rounds} broker restarts`;
}

/** The broker hangs while a member that has lost its local stores restores from the journals. */
export async function brokerHang({ crew, rounds, broker }: FaultContext): Promise<string> {
  const members = [...(await crew.members(['1', '2']))];
  let tasks = 0;
  for (let round = 0; round < rounds; round++) {
    await longEnough(crew);
    await members[1]?.end('SIGKILL');
    rmSync(crew.storesOf('2'), { recursive: true });
    const member = crew.member('2', { slowRestore: true });
    members[1] = member;
    await member.until('restores', () => restoring(member).length > 0);
    broker?.signal('SIGSTOP');
    await pause(HANG_MS);
    const held = restoring(member);
    broker?.signal('SIGCONT');
    if (held.length === 0) throw new Error(`Nothing was restored: ${member.tasks.join()}`);
    tasks += held.length;
    await member.ready();
    await Promise.all(members.map((each) => each.works()));
  }
  return `${rounds} hangs, in restores of ${tasks} tasks`;
}

/** Tasks that have read some of their journal, and not all of it. */
function restoring({ tasks, restores }: CrewMember): readonly string[] {
  const isHalfway = ([first = 0, ...later]: readonly number[]): boolean =>
    later.some((offset) => offset > first);
  return [...restores]
    .filter(([, offsets]) => isHalfway(offsets))
    .map(([journal]) => journal.replace('.journal', ''))
    .filter((task) => tasks.includes(`${task} restoring`));
}
