import { platformaticClient } from '../../kafka/platformatic.ts';
import { COUNTER_APPLICATION } from './counter.ts';
import { CREDIT } from './credit.ts';
import { brokers, EngineFixture } from './engine-fixture.ts';
import { DOUBLER } from './engine-run.ts';
import { type Faults, faultyClient } from './faulty-client.ts';

/*
 * One of APPLICATIONS, the counter by default, as a process of its own, to be killed. What it does is said in lines of JSON, and
 * ENGINE_APP says what it is.
 */

const APPLICATIONS = { counter: COUNTER_APPLICATION, credit: CREDIT };

export interface EngineAppSettings {
  readonly application?: keyof typeof APPLICATIONS;
  readonly prefix: string;
  readonly instanceId: string;
  readonly sessionTimeoutMs?: number;
  /** Outputs are journaled, and never sent. */
  readonly swallowsOutputs?: boolean;
  /** Effects are begun, and never end. */
  readonly hangsInEffects?: boolean;
}

export type EngineAppLine =
  | { readonly ready: true }
  | { readonly appended: number }
  | { readonly performing: unknown }
  | { readonly fenced: true };

const say = (line: EngineAppLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const settings = JSON.parse(process.env['ENGINE_APP'] ?? '{}') as EngineAppSettings;
const faults: Faults = {};
if (settings.swallowsOutputs === true)
  faults.produce = (records, send) =>
    records.every(({ topic }) => topic.endsWith('.journal'))
      ? send(records)
      : new Promise(() => {});
const client = faultyClient(
  platformaticClient({ brokers: brokers(), clientId: settings.instanceId }),
  faults,
);
const application = APPLICATIONS[settings.application ?? 'counter'];
const fixture = new EngineFixture({ application, client, prefix: settings.prefix });
const run = fixture.run({
  instanceId: settings.instanceId,
  ...(settings.sessionTimeoutMs === undefined
    ? {}
    : { sessionTimeoutMs: settings.sessionTimeoutMs }),
  onAppended: (batch) => say({ appended: batch.inputs.length }),
  onFenced: () => {
    say({ fenced: true });
    process.exit(3);
  },
  performers: {
    'count.double': (args) => {
      say({ performing: args });
      return settings.hangsInEffects === true
        ? new Promise(() => {})
        : DOUBLER['count.double'](args);
    },
  },
});
await run.ready(Number(process.env['ENGINE_APP_TASKS'] ?? 4));
say({ ready: true });
