import type { Topology } from '../engine/topology.ts';
import { checkLog } from '../kafka/check-log.ts';
import { KafkaError } from '../kafka/client.ts';
import { Backoff, pause } from '../kafka/wait.ts';
import type { ProcessContext } from './app.ts';

/** How long a broker that does not answer is asked again. */
const ASK_MS = 30_000;

/**
 * Refuses to run on a journal that the broker may lose, and says what a single node gives up. A journal that is
 * missing is waited for by its tasks.
 *
 * Throws: LogNotTrustedError (stop); KafkaError when the broker does not answer. Source: J10, F9.
 */
export async function trustLog(context: ProcessContext, topology: Topology): Promise<void> {
  const { config, services, log } = context;
  const journal = services.names.physical(topology.journal);
  const weaknesses = await asked(async () => {
    const existing = await services.admin.listTopics();
    if (!existing.includes(journal)) return [];
    return checkLog(services.admin, [journal], { singleNode: config.kafka.singleNode });
  });
  if (weaknesses.length === 0) return;
  const list = weaknesses.map(({ what, have, want }) => `${what} is ${have}, not ${want}`);
  log.warn({ journal, weaknesses: list }, 'single node: what its disk loses is lost');
}

async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const backoff = new Backoff(100, 2_000);
  const tooLate = AbortSignal.timeout(ASK_MS);
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof KafkaError && error.canRetry) || tooLate.aborted) throw error;
      await pause(backoff.next(), tooLate);
    }
  }
}
