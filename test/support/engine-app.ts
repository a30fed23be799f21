import { setTimeout as pause } from 'node:timers/promises';
import { clientUnderTest } from './client-under-test.ts';
import { COUNTER_APPLICATION } from './counter.ts';
import { CREDIT } from './credit.ts';
import { brokers, EngineFixture } from './engine-fixture.ts';
import { DOUBLER } from './engine-run.ts';
import { trace } from './effect-trace.ts';
import { type Faults, faultyClient } from './faulty-client.ts';
import { PATIENT } from './patient.ts';
import { REMINDERS } from './reminders.ts';

/*
 * One of APPLICATIONS, the counter by default, as a process of its own, to be killed. What it does is said in lines of JSON, and
 * ENGINE_APP says what it is.
 */

const APPLICATIONS = {
  counter: COUNTER_APPLICATION,
  credit: CREDIT,
  patient: PATIENT,
  reminders: REMINDERS,
};

export interface EngineAppSettings {
  readonly application?: keyof typeof APPLICATIONS;
  readonly prefix: string;
  readonly instanceId: string;
  readonly sessionTimeoutMs?: number;
  /** Ready when it owns so many. Default: ENGINE_APP_TASKS, or all. */
  readonly tasks?: number;
  /** Outputs are journaled, and never sent. */
  readonly swallowsOutputs?: boolean;
  /** Effects take their time, fail once, and are noted in this file. */
  readonly traceFile?: string;
  /** Effects are begun, and never end. */
  readonly hangsInEffects?: boolean;
}

export type EngineAppLine =
  | { readonly ready: true }
  | { readonly appended: number }
  | { readonly performing: unknown }
  | { readonly fenced: true };

const EFFECT_MS = 150;
const failed = new Set<string>();

async function slowly(file: string, args: unknown, signal: AbortSignal): Promise<unknown> {
  const { id } = args as { readonly id: string };
  const note = (what: 'start' | 'failed' | 'done'): void =>
    trace(file, { pid: process.pid, what, key: id.split('/')[0] ?? '', id });
  note('start');
  const isCancelled = await pause(EFFECT_MS, false, { signal }).catch(() => true);
  const fails = isCancelled || !failed.has(id);
  failed.add(id);
  note(fails ? 'failed' : 'done');
  if (fails) throw new Error('away');
  return DOUBLER['count.double'](args);
}

const say = (line: EngineAppLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const settings = JSON.parse(process.env['ENGINE_APP'] ?? '{}') as EngineAppSettings;
const faults: Faults = {};
if (settings.swallowsOutputs === true)
  faults.produce = (records, send) =>
    records.every(({ topic }) => topic.endsWith('.journal'))
      ? send(records)
      : new Promise(() => {});
const client = faultyClient(
  clientUnderTest({ brokers: brokers(), clientId: settings.instanceId }),
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
    'count.double': (args, signal) => {
      if (settings.traceFile !== undefined) return slowly(settings.traceFile, args, signal);
      say({ performing: args });
      return settings.hangsInEffects === true
        ? new Promise(() => {})
        : DOUBLER['count.double'](args);
    },
  },
});
await run.ready(settings.tasks ?? Number(process.env['ENGINE_APP_TASKS'] ?? 4));
say({ ready: true });
