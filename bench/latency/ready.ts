import { setTimeout as pause } from 'node:timers/promises';
import type { Intake } from './intake.ts';
import type { TopicTail } from './topic-tail.ts';

const LIMIT_MS = 60_000;
const ROUND_MS = 2_000;
const LOOK_EVERY_MS = 20;
/** Enough that no partition is left out, but for one time in ten thousand. */
const INTENTS_A_PARTITION = 10;

/**
 * Sends intents until all of a round get their plan: the consumers have joined, and the planner has its pools.
 *
 * Throws: Error after a minute.
 */
export async function untilPlanned(
  name: string,
  intake: Intake,
  tail: TopicTail,
  partitions: number,
): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (performance.now() < deadline) {
    const count = partitions * INTENTS_A_PARTITION;
    const sent = await Promise.all(Array.from({ length: count }, () => intake.send()));
    const until = performance.now() + ROUND_MS;
    const isPlanned = (id: string): boolean => tail.readAt(id) !== undefined;
    while (!sent.every(isPlanned) && performance.now() < until) await pause(LOOK_EVERY_MS);
    if (sent.every(isPlanned)) return;
  }
  throw new Error(`${name} plans nothing within ${LIMIT_MS} ms. Does npm start plan its intent?`);
}
