import { setTimeout as pause } from 'node:timers/promises';
import { VoidRunError } from './audit.ts';
import type { Intake } from './intake.ts';
import { Latencies, type Percentiles } from './summary.ts';
import type { TopicTail } from './topic-tail.ts';

const INTENTS = 50;
const EVERY_MS = 50;
const LOOK_EVERY_MS = 2;
const LIMIT_MS = 10_000;

/**
 * From plan.created in the hands of this process to `GET /intents/{id}` that names the plan, for intents one after another.
 *
 * Throws: VoidRunError when one does not come to it within 10 s.
 */
export async function runProjection(
  url: string,
  intake: Intake,
  tail: TopicTail,
): Promise<Percentiles> {
  const latencies = new Latencies();
  for (let index = 0; index < INTENTS; index++) {
    const correlationId = await intake.send();
    const id = correlationId.replace(/^intent-/, '');
    const deadline = performance.now() + LIMIT_MS;
    while (!(await hasPlan(`${url}/intents/${id}`))) {
      if (performance.now() > deadline)
        throw new VoidRunError(`Intent ${id} shows no plan after ${LIMIT_MS} ms: the run is void.`);
      await pause(LOOK_EVERY_MS);
    }
    const shownAt = performance.now();
    // The read model may be there before the benchmark has read the event itself.
    while (tail.readAt(correlationId) === undefined) {
      if (performance.now() > deadline)
        throw new VoidRunError(`No plan.created of intent ${id} was read: the run is void.`);
      await pause(LOOK_EVERY_MS);
    }
    latencies.record(Math.max(0, shownAt - (tail.readAt(correlationId) ?? shownAt)));
    await pause(EVERY_MS);
  }
  return latencies.percentiles;
}

async function hasPlan(url: string): Promise<boolean> {
  const response = await fetch(url);
  if (!response.ok) return false;
  const { latest_plan_id } = (await response.json()) as { readonly latest_plan_id: string | null };
  return latest_plan_id !== null;
}
