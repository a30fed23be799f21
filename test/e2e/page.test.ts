import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AvroCodec,
  CATALOGUE_RECORDS,
  envelope,
  eventDefinition,
  eventHeaders,
} from '../../avro/index.ts';
import { idsOf } from '../../gateway/idempotency.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import { nameless, NARROW, overhang, PageBrowser, WIDE } from '../support/page-browser.ts';
import { LIFE, ORDER, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

let system: System;
let browser: PageBrowser;
let client: SystemClient;
beforeAll(async () => {
  browser = await PageBrowser.start();
  system = await startSystem('page', { separate: true });
  const { brokers } = system.config.kafka;
  client = new SystemClient(system, platformaticClient({ brokers, clientId: 'page' }));
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await system?.stop();
});

const open = (path: string, options = {}): Promise<Page> =>
  browser.open(`${system.url}${path}`, options);
const topicsOf = (page: Page): Promise<string[]> => page.locator('.events h3').allTextContents();
const shows = async (page: Page, text: string): Promise<void> =>
  page.getByText(text).first().waitFor({ timeout: 20_000 });
async function ended(page: Page, state: string): Promise<void> {
  await page.locator('.state', { hasText: state }).waitFor({ timeout: 30_000 });
}
/** The state may come from the read model, and so before the last event. */
async function lived(page: Page): Promise<void> {
  await ended(page, 'Completed');
  await page
    .locator('.events > li')
    .nth(LIFE.length - 1)
    .waitFor({ timeout: 30_000 });
}

describe('the page', () => {
  it('B-28 shows an intent from before its first event to its end, without being asked again', async () => {
    const key = crypto.randomUUID();
    const { intentId } = idsOf(null, key);
    const page = await open('/');
    const frames: string[] = [];
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => frames.push(String(payload))),
    );
    await page.goto(`${system.url}/c/intent-${intentId}`);
    await shows(page, 'No event of this intent yet');
    await page.locator('#live.live').waitFor();
    await browser.picture(page, 'empty-wide');
    const response = await fetch(`${system.url}/intents`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ ...ORDER, metadata: { desk: 'north' } }),
    });
    expect(response.status).toBe(202);
    await lived(page);
    expect(await topicsOf(page)).toEqual(LIFE);
    const live = (): number => frames.filter((frame) => frame.includes('"type":"event"')).length;
    await eventually('each event has come live', () => live() >= LIFE.length);
    expect(live()).toBe(LIFE.length);
    const rows = page.locator('.events > li');
    expect(await rows.nth(7).locator('.hop').textContent()).toContain('after exec.step_submitted');
    const { latest_plan_id: planId, summary } = await client.ended(intentId);
    const aside = page.locator('aside');
    await aside.getByText(summary['tx_hash'] ?? '?').waitFor();
    const holds = async (selector: string, text: string): Promise<boolean> =>
      ((await page.locator(selector).textContent()) ?? '').includes(text);
    await eventually('the plan is shown', () => holds('aside', planId ?? '?'));
    await eventually('and what was bought', () => holds('.head', summary['amount_out'] ?? '?'));
    await browser.picture(page, 'completed-wide');
    expect(browser.complaints).toEqual([]);
    await page.close();
  });

  it('B-30 says what is away and how to mend it, and goes on by itself', async () => {
    const key = crypto.randomUUID();
    const { intentId } = idsOf(null, key);
    const page = await open(`/c/intent-${intentId}`);
    await page.locator('#live.live').waitFor();
    await system.kill('gateway');
    await shows(page, 'Not live: connecting again');
    await shows(page, 'The gateway does not answer');
    await shows(page, 'npx millrace stack status');
    await browser.picture(page, 'away-wide');
    await system.start('gateway');
    await page.locator('#live.live').waitFor({ timeout: 20_000 });
    await page
      .getByText('The gateway does not answer')
      .waitFor({ state: 'detached', timeout: 20_000 });
    await fetch(`${system.url}/intents`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(ORDER),
    });
    await lived(page);
    expect(await topicsOf(page)).toEqual(LIFE);
    await page.close();
  }, 120_000);

  it('finds an intent by keyboard alone, by each of its ids, and names all that can be focused', async () => {
    const id = await client.submit();
    const { latest_plan_id: planId } = await client.ended(id);
    const events = await client.history(id, LIFE.length);
    const page = await open('/');
    await browser.picture(page, 'search-wide');
    const search = async (text: string): Promise<void> => {
      await page.goto(`${system.url}/`);
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
    };
    await search('nothing-of-this-name');
    await page.getByRole('alert').getByText('has this id').waitFor();
    expect(await nameless(page)).toEqual([]);
    for (const text of [id, `intent-${id}`, planId ?? '?', events[3]?.eventId ?? '?']) {
      await search(text);
      await page.waitForURL(new RegExp(`/c/intent-${id}`));
      await ended(page, 'Completed');
    }
    const focused = (): Promise<string> => page.evaluate('document.activeElement.id');
    await eventually(
      'the event is focused',
      async () => (await focused()) === `e-${events[3]?.eventId}`,
    );
    // From the event on: the cause it names, then its ids, then its details.
    const details = page.locator('.events > li').nth(3).locator('details');
    for (let tabs = 0; tabs < 8 && (await details.getAttribute('open')) === null; tabs += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(`document.activeElement.tagName === 'SUMMARY'`))
        await page.keyboard.press('Enter');
    }
    expect(await details.locator('pre').textContent()).toContain(planId);
    expect(await nameless(page)).toEqual([]);
    await browser.picture(page, 'details-wide');
    await page.close();
  });

  it('fits wide and narrow windows, light and dark, without sideways scrolling', async () => {
    const [completed, failed] = await Promise.all([
      client.submit(),
      client.submit({ notional_usd: '99999' }),
    ]);
    await Promise.all([client.ended(completed), client.ended(failed)]);
    const chain = await sentByBots();
    const pages = [
      ['search', '/', 'Follow an intent'],
      ['completed', `/c/intent-${completed}`, 'Completed'],
      ['failed', `/c/intent-${failed}`, 'Failed in risk'],
      ['bots', `/c/${chain}`, 'Events of bots'],
      ['unknown', '/c/nothing', 'This is no correlation'],
    ] as const;
    for (const [width, viewport] of [
      ['wide', WIDE],
      ['narrow', NARROW],
    ] as const) {
      const colorScheme = width === 'wide' ? 'dark' : 'light';
      const page = await open('/', { viewport, colorScheme });
      for (const [name, path, text] of pages) {
        await page.goto(system.url + path);
        await shows(page, text);
        if (name === 'completed') await page.locator('.events > li').nth(7).waitFor();
        expect([name, width, await overhang(page)]).toEqual([name, width, 0]);
        expect(await nameless(page)).toEqual([]);
        await browser.picture(page, `${name}-${width}-${colorScheme}`);
      }
      await page.close();
    }
  }, 120_000);

  it('shows markup in what others wrote as the text that it is', async () => {
    const mark =
      '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>';
    const id = crypto.randomUUID();
    const intent = {
      intentId: id,
      ...ORDER,
      strategyId: mark,
      priority: 1,
      metadata: { [mark]: mark },
    };
    await publish('intent.submitted', id, 1, intent);
    await publish('plan.rejected', id, 4, { intentId: id, reason: mark, code: mark });
    const page = await open(`/c/intent-${id}`);
    await shows(page, 'plan.rejected');
    await page.locator('aside').getByText(mark).first().waitFor();
    expect(await page.locator('main').locator('img, script').count()).toBe(0);
    await page.goto(`${system.url}/c/${encodeURIComponent(mark)}`);
    await shows(page, mark);
    await page.goto(`${system.url}/?q=${encodeURIComponent(mark)}`);
    await page.getByRole('alert').getByText('has this id').waitFor();
    expect(await page.title()).toBe('Millrace');
    expect(browser.complaints).toEqual([]);
    await page.close();
  });
});

async function publish(type: string, id: string, sequence: number, payload: object): Promise<void> {
  const { brokers, partitions, topicPrefix } = system.config.kafka;
  const { registryUrl } = system.config.stores;
  const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects: CATALOGUE_RECORDS });
  const { topic, record } = eventDefinition(type);
  const event = envelope(type, payload as never, { correlationId: `intent-${id}`, sequence });
  const key = Buffer.from(`intent-${id}`);
  const producer = platformaticClient({ brokers, clientId: 'page-attack' }).producer();
  await producer.send([
    {
      topic: system.names.physical(topic),
      partition: partitionOf(key, partitions),
      key,
      value: codec.encode(topic, record, event),
      headers: eventHeaders(event.envelope),
    },
  ]);
  await producer.close();
}

/** Correlation of a chain that bots sent and the store has. */
async function sentByBots(): Promise<string> {
  const correlation = crypto.randomUUID();
  const at = (second: number, event_type: string, payload: object, causation_id?: string) => ({
    event_id: crypto.randomUUID(),
    event_type,
    event_version: 'v1',
    ts_utc: `2026-01-02T03:04:0${second}Z`,
    producer: 'risk_service',
    instance_name: 'bot1',
    controller_id: 'epp_v2_4',
    connector_name: 'bitget_paper_trade',
    trading_pair: 'BTC-USDT',
    correlation_id: correlation,
    ...(causation_id && { causation_id }),
    payload,
  });
  const first = at(5, 'risk_decision', {
    approved: true,
    decision: 'allow',
    reason: 'within limits',
  });
  const second = at(
    6,
    'risk_decision',
    { approved: false, decision: 'hard_stop', reason: '<b>no</b>' },
    first.event_id,
  );
  const response = await fetch(`${system.url}/bots/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([first, second]),
  });
  expect(await response.json()).toMatchObject({ accepted: 2 });
  await eventually('the chain is stored', async () => {
    const { status, text } = await client.get(`/bots/chains/${correlation}`);
    return status === 200 && text.includes(second.event_id);
  });
  return correlation;
}
