import { expect } from 'vitest';
import type { AppName } from '../../apps/config.ts';
import type { FetchedRecord, KafkaClient } from '../../kafka/client.ts';
import { eventually } from '../support/eventually.ts';
import type { System } from './system-fixture.ts';

/** A sound intent. */
export const ORDER = {
  strategyId: 'main-job',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '0.1',
  notional_usd: '300',
  max_slippage: '0.01',
};

/** The events of an intent that is completed, in their order. */
export const LIFE: readonly string[] = [
  'intent.submitted',
  'risk.approved',
  'intent.accepted',
  'plan.created',
  'exec.started',
  'exec.step_submitted',
  'exec.step_filled',
  'exec.completed',
];

export interface IntentValue {
  readonly state: string;
  readonly last_event_time: string;
  readonly latest_plan_id: string | null;
  readonly summary: Readonly<Record<string, string | null>>;
}

export interface WireEvent {
  readonly eventId: string;
  readonly timestamp: string;
  readonly topic: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly sequence: number;
}

/** What a user of the system does, and what an operator looks at. */
export class SystemClient {
  readonly #system: System;
  readonly #kafka: KafkaClient;

  constructor(system: System, kafka: KafkaClient) {
    this.#system = system;
    this.#kafka = kafka;
  }

  /** Submits a sound intent with changes; expects a 202. */
  async submit(changes: Partial<typeof ORDER> = {}): Promise<string> {
    const response = await fetch(`${this.#system.url}/intents`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...ORDER, ...changes }),
    });
    expect(response.status).toBe(202);
    return ((await response.json()) as { intent_id: string }).intent_id;
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.#system.url}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** The read model of an intent, once it has reached its end. */
  async ended(intentId: string): Promise<IntentValue> {
    const found: IntentValue[] = [];
    let last = '';
    const ends = eventually('the intent ends', async () => {
      const { status, text } = await this.get(`/intents/${intentId}`);
      last = text;
      const value = status === 200 ? (JSON.parse(text) as IntentValue) : null;
      if (value?.state !== 'Completed' && value?.state !== 'Failed') return false;
      found.push(value);
      return true;
    });
    await ends.catch((error: Error) => this.#explain(error, last));
    return found[0] as IntentValue;
  }

  async history(intentId: string, count: number): Promise<readonly WireEvent[]> {
    let events: readonly WireEvent[] = [];
    const whole = eventually('its history is whole', async () => {
      const { status, text } = await this.get(`/intents/${intentId}/history`);
      if (status === 200) ({ events } = JSON.parse(text) as { events: WireEvent[] });
      return events.length >= count;
    });
    await whole.catch((error: Error) => this.#explain(error, JSON.stringify(events.slice(-3))));
    return events;
  }

  /** What a log of the run must say, since the system is gone by the time somebody reads it. */
  async #explain(error: Error, last: string): Promise<never> {
    const apps: readonly AppName[] = ['trading', 'orchestrator', 'coordinator'];
    const ends = await Promise.all(
      apps.map(async (app) => `${app}: ${(await this.#system.log(app)).slice(-1_500)}`),
    );
    const parts = [error.message, `the last there is: ${last}`, ...new Set(ends)];
    throw new Error(parts.join('\n'), { cause: error });
  }

  async metric(app: AppName, name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.#system.ports[app]}/metrics`);
    const lines = (await response.text()).split('\n');
    return Number(
      lines
        .find((each) => each.startsWith(`${name} `))
        ?.split(' ')
        .at(-1),
    );
  }

  /** Every record of a topic, from its start to its end. */
  async readTopic(topic: string): Promise<readonly FetchedRecord[]> {
    const admin = this.#kafka.admin();
    const bounds = await admin.offsets(topic);
    await admin.close();
    const reader = this.#kafka.reader();
    const records: FetchedRecord[] = [];
    for (const [partition, { start, end }] of bounds.entries()) {
      for (let offset = start; offset < end;) {
        const [fetched] = await reader.fetch([{ topic, partition, offset }], { maxWaitMs: 500 });
        if (fetched === undefined) continue;
        expect(fetched.error).toBeNull();
        records.push(...fetched.records);
        offset = fetched.nextOffset;
      }
    }
    await reader.close();
    return records;
  }
}
