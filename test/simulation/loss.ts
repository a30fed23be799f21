import type { SimulatedBroker } from '../../testing/simulation/broker.ts';
import type { World } from '../../testing/simulation/world.ts';

/** What a broker may never lose (J3, J4, J10), and the engine must not paper over. */
export const LOSSES = ['journal-tail', 'source-start', 'source-end', 'source-anew'] as const;
export type Loss = (typeof LOSSES)[number];

export interface LossScene {
  readonly world: World;
  readonly broker: SimulatedBroker;
  readonly journal: string;
  readonly partitions: number;
  /** The one process dies and comes back. */
  crash(): void;
}

const SOURCE = 'adds';
/** After a crash the process is away for so long. */
export const RESTART_MS = 2_000;

/** Loses it; resolves with the code that the task has to stop with. */
export async function causeLoss(loss: Loss, scene: LossScene): Promise<string> {
  const { broker, world, journal, partitions } = scene;
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  switch (loss) {
    case 'journal-tail':
      for (const partition of all) {
        const log = broker.log(journal, partition);
        log.lose(log.end - world.random.between(1, 3));
      }
      return 'JOURNAL_LOST_RECORDS';
    case 'source-start':
      scene.crash();
      // What comes while nobody reads, and is deleted before anybody does.
      await world.pause(1_500);
      for (const partition of all) {
        broker.log(SOURCE, partition).leaveHole();
        broker.log(SOURCE, partition).trim(-1);
      }
      return 'DATA_LOSS';
    case 'source-end':
      scene.crash();
      // Just before anybody reads again: what grows past the position meanwhile hides the loss.
      await world.pause(RESTART_MS - 1);
      for (const partition of all) broker.log(SOURCE, partition).lose(1);
      return 'DATA_LOSS';
    case 'source-anew':
      if (world.random.chance(0.5)) scene.crash();
      await broker.admin.deleteTopics([SOURCE]);
      await broker.admin.createTopic({
        name: SOURCE,
        partitions,
        replicationFactor: 1,
        configs: {},
      });
      // Its offsets reach what the journals say, and mean something else.
      for (const partition of all)
        for (let hole = 0; hole < 100; hole++) broker.log(SOURCE, partition).leaveHole();
      return 'DATA_LOSS';
  }
}
