import { add } from './counter.ts';
import type { FaultContext } from './fault-kinds.ts';

/** Records that cannot be read, handlers that throw, one key with most of the load, emits that are too large. */
export async function input({ crew, rounds }: FaultContext): Promise<string> {
  const [first, second] = await crew.members(['1', '2']);
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
