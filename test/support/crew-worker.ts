import { openStores } from '../../apps/open-stores.ts';
import type { Actor } from '../../engine/actor.ts';
import type { TopologyDefinition } from '../../engine/topology.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import type { KafkaClientName } from '../../kafka/clients.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { clientUnderTest } from './client-under-test.ts';
import { COUNTER_APPLICATION } from './counter.ts';
import { EngineFixture } from './engine-fixture.ts';
import type { RunOptions } from './engine-run.ts';
import { StepFile, steppingClient } from './fault-steps.ts';
import { slowRestore } from './slow-restore.ts';
import { TALLY } from './tally.ts';
import type { TestApplication } from './test-application.ts';
import { versioned } from './versioned.ts';

/*
 * One member of the counter and of the tally behind it, as a process of its own, to be killed. CREW_WORKER says what it
 * is; what it does is said in lines of JSON. SIGTERM: it ends and comes back; SIGUSR2: it leaves.
 */

export interface CrewWorkerSettings {
  readonly brokers: readonly string[];
  readonly prefix: string;
  readonly member: string;
  readonly stepFile: string;
  readonly sessionTimeoutMs: number;
  /** Of the states' schema: each has a shape of its own, from 2 on with an upcast. */
  readonly stateVersion: number;
  /** Folder of its local stores, kept over its restarts. */
  readonly data: string;
  /** Its Kafka client; absent: the one that all have. */
  readonly kafkaClient?: KafkaClientName;
  /** Members that follow each journal. */
  readonly standbys?: number;
  /** When journals are cleaned; absent: as ever. */
  readonly cleaning?: RunOptions['cleaning'];
  /** It reads the beginning of each journal slowly, and says how far it is. */
  readonly slowRestore?: boolean;
  /** No file of it may become larger; the process is started with this limit. */
  readonly fileKiB?: number;
}

export type CrewWorkerLine =
  | { readonly started: true }
  | { readonly ready: true }
  | { readonly appended: number }
  | { readonly fenced: string }
  /** `application/partition: why` a local store was thrown away. */
  | { readonly discarded: string }
  /** Where a slow restore of a journal has come to. */
  | { readonly restores: string; readonly offset: number }
  /** It has brought a first state of that version up to its own. */
  | { readonly upcast: number }
  /** A warning or an error of its log. */
  | { readonly complaint: string }
  | { readonly tasks: readonly string[] };

/** Each step is drawn out, so that a kill can fall into any of them. */
const STRETCH_MS = { handle: 0.3, append: 4, publish: 8, commit: 40 };
const COMMIT_EVERY_MS = 150;
/** How often read models are looked through: as ever it is each minute. */
const LOOK_MS = 3_000;
const STATUS_EVERY_MS = 100;

const say = (line: CrewWorkerLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const settings = JSON.parse(process.env['CREW_WORKER'] ?? '{}') as CrewWorkerSettings;
const { brokers, prefix, member, sessionTimeoutMs, stateVersion } = settings;
/** Versions of states that it has brought up to its own. */
const upcasts = new Set<number>();
const steps = new StepFile(settings.stepFile);
const runs = [COUNTER_APPLICATION, TALLY].map((application) => {
  const client = steppingClient(ownClient(), steps, STRETCH_MS);
  const { definition } = application;
  return new EngineFixture({ application, client, prefix }).run({
    definition: inSteps(definition),
    instanceId: `${definition.application}.${member}`,
    sessionTimeoutMs,
    commitEveryMs: COMMIT_EVERY_MS,
    lookMs: LOOK_MS,
    ...storesOf(application),
    ...(settings.cleaning === undefined ? {} : { cleaning: settings.cleaning }),
    onDiscarded: (partition, reason) =>
      say({ discarded: `${definition.application}/${partition}: ${reason}` }),
    onAppended: (batch) => say({ appended: batch.inputs.length }),
    onFenced: () => {
      say({ fenced: member });
      process.exit(3);
    },
  });
});
steps.begin('restore');
say({ started: true });

let isReady = false;
let last = '';
setInterval(() => {
  const tasks = runs.flatMap(({ status }) =>
    status.tasks.map(
      (task) => `${status.application}/${task.partition} ${task.failure ?? task.status}`,
    ),
  );
  const isRunning = tasks.length > 0 && tasks.every((task) => task.endsWith(' running'));
  if (isRunning && !isReady) {
    isReady = true;
    steps.end('restore');
    say({ ready: true });
  }
  if (tasks.join() !== last) say({ tasks });
  last = tasks.join();
  for (const { counts } of runs)
    for (const complaint of counts.complaints.splice(0)) say({ complaint });
}, STATUS_EVERY_MS);

const end = async (how: 'stay' | 'leave'): Promise<void> => {
  await Promise.all(runs.map((run) => run.stop(how)));
  process.exit(0);
};
process.once('SIGTERM', () => void end('stay'));
process.once('SIGUSR2', () => void end('leave'));

function ownClient(): KafkaClient {
  const client = clientUnderTest({ brokers, clientId: member }, settings.kafkaClient);
  if (settings.slowRestore !== true) return client;
  return slowRestore(client, ({ topic, partition, offset }) =>
    say({ restores: `${topic.slice(prefix.length)}/${partition}`, offset }),
  );
}

/** As an app has them. */
function storesOf({ definition }: TestApplication): ReturnType<typeof openStores> {
  const { application } = definition;
  const { data: dataFolder, standbys = 0 } = settings;
  const discarded = (fields: object): void => {
    const { partition, reason } = fields as { partition: number; reason: string };
    say({ discarded: `${application}/${partition}: ${reason}` });
  };
  const surroundings = {
    config: { local: { stateStore: 'lmdb', dataFolder, standbys } },
    log: { warn: discarded },
    services: { names: new TopicNames(prefix) },
    metrics: { storesDiscardedTotal: { inc: () => {} } },
  } as const;
  return openStores(surroundings, definition);
}

/** The same actors, each handler noted as a step that takes a while, with states of the version that is asked for. */
function inSteps({ actors }: TopologyDefinition): Partial<TopologyDefinition> {
  return { actors: actors.map(stepping) };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
function stepping(actor: Actor<any>): Actor<any> {
  const handles = Object.entries(actor.handles).map(([type, handle]) => {
    const noted: typeof handle = (state, message, context) => {
      steps.begin('handle');
      const until = performance.now() + STRETCH_MS.handle;
      while (performance.now() < until);
      const decision = handle(state, message, context);
      steps.end('handle');
      return decision;
    };
    return [type, noted] as const;
  });
  const noted = { ...actor, handles: Object.fromEntries(handles) };
  return versioned(noted, stateVersion, (from) => {
    if (!upcasts.has(from)) say({ upcast: from });
    upcasts.add(from);
  });
}
