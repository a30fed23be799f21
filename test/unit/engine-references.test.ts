import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actor, event, type Message, setTimer } from '../../engine/actor.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { firstEvent, type TestApplication, testEvents } from '../support/test-application.ts';

/* One actor that answers with the rate it knows: at once, and again when its timer fires. */

interface Price {
  readonly price: number;
}

const price = [{ name: 'price', type: 'int' }];
const { events, schemas } = testEvents('test.rates', {
  'rate.asked': { topic: 'asked', payload: price },
  'rate.given': { topic: 'given', payload: price },
  'rate.set': { topic: 'rates', payload: price },
});

const clerk = actor<null>({
  name: 'clerk',
  state: { version: 1, initial: () => null },
  emits: ['rate.given'],
  references: ['rate'],
  timers: {
    again: (_state, _firing, context) => ({
      emit: [event('rate.given', context.reference('rate').get('EUR'))],
    }),
  },
  handles: {
    'rate.asked': (_state, _: Message<Price>, context) => ({
      emit: [event('rate.given', context.reference('rate').get('EUR') ?? { price: -1 })],
      timers: [setTimer('again', context.time + 60_000_000)],
    }),
  },
});

const RATES: TestApplication = {
  definition: {
    application: 'rates.desk',
    actors: [clerk],
    events,
    references: [{ name: 'rate', type: 'rate.set' }],
  },
  records: events.map(({ topic, record }) => ({ topic, record })),
  schemas,
};

/** More than wait in front of a task at once, so that they come in several fetches. */
const COUNT = 12_000;
/** Of one request: what a broker takes as one batch is bounded. */
const PORTION = 1_000;

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start({ application: RATES, client: new MemoryKafka() });
});
afterEach(() => fixture.end());

/** Prices from `from` to below `to`, each set after the one before it, where the desk's task reads them. */
async function setRates(from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += PORTION)
    await fixture.send(
      ...Array.from({ length: Math.min(PORTION, to - first) }, (_, index) => {
        const set = firstEvent('rate.set', 'EUR', `set-${first + index}`, { price: first + index });
        return { ...fixture.recordOf(set), partition: fixture.partitionOf('desk-1') };
      }),
    );
}

async function given(): Promise<readonly number[]> {
  const records = await fixture.readOnce('given');
  return records.map(({ decoded }) => (decoded as { readonly payload: Price }).payload.price);
}

describe('reference data', () => {
  it('B-50 J7 that is there when a task begins is read before anything that may ask for it', async () => {
    await fixture.publish(firstEvent('rate.asked', 'desk-1', 'ask-1', { price: 0 }));
    await setRates(0, COUNT);
    const run = await fixture.running();
    await eventually('it is answered', async () => (await given()).length === 1);
    expect(await given()).toEqual([COUNT - 1]);
    await run.stop();
  });

  it('B-50 J8 is read before the timers of a restarted task fire', async () => {
    let now = 1_000_000;
    const clock = (): number => now;
    await setRates(0, 1);
    const first = await fixture.running({ clock });
    await fixture.publish(firstEvent('rate.asked', 'desk-1', 'ask-1', { price: 0 }));
    await eventually('it is answered', async () => (await given()).length === 1);
    await first.stop();
    await setRates(1, COUNT);
    now += 120_000_000;
    const second = await fixture.running({ clock });
    await eventually('the timer fires', async () => (await given()).length === 2);
    expect(await given()).toEqual([0, COUNT - 1]);
    await second.stop();
  });

  it('B-50 that comes later is known by partition and id, and holds nothing up', async () => {
    const run = await fixture.running();
    const partition = fixture.partitionOf('desk-1');
    expect(run.runner.references('rate').get(partition)?.size).toBe(0);
    await setRates(0, 3);
    await eventually(
      'it is known',
      () =>
        (run.runner.references('rate').get(partition)?.get('EUR') as Price | undefined)?.price ===
        2,
    );
    await fixture.publish(firstEvent('rate.asked', 'desk-1', 'ask-1', { price: 0 }));
    await eventually('it is answered', async () => (await given()).length === 1);
    expect(await given()).toEqual([2]);
    await run.stop();
  });
});
