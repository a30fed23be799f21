import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/main.ts';
import { botEvent, botEventWith } from '../support/bot-events.ts';
import { BotRig } from '../support/bot-rig.ts';

let rig: BotRig;
let folder: string;
beforeAll(async () => {
  rig = await BotRig.open('bots-redrive');
  folder = await mkdtemp(join(tmpdir(), 'millrace-redrive-'));
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await rm(folder, { recursive: true, force: true });
});

async function millrace(...args: string[]) {
  const lines: string[] = [];
  const env = { ...process.env, TOPIC_PREFIX: rig.names.prefix, PARTITIONS: '2' };
  const io = { out: (line: string) => lines.push(line), err: () => {}, env };
  const code = await runCommand([...args, '--json'], io);
  return { code, said: JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

const lettersOf = async (topic: string) => {
  const { said } = await millrace('dlq', 'peek', topic, '--all');
  return said['letters'] as readonly { id: string; original: string; redriven: boolean }[];
};
const countOf = async (eventId: unknown) =>
  rig.database.query(`SELECT source_topic FROM bot_events WHERE event_id = '${String(eventId)}'`);

describe('dead letters of bots', () => {
  it('S-29 come back with the event of a file, which is stored once', async () => {
    const good = botEvent('order_filled', {});
    const bad = { ...good, payload: { ...(good.payload as object), liquidity_side: 'mine' } };
    await rig.send(rig.avro(good, { skipped: 'yes' }), rig.json(bad));
    await rig.send(rig.json({ ...bad, event_id: botEvent('order_filled', {}).event_id }));
    await rig.drain();
    const [letter, other] = await lettersOf('dlq.order_filled');
    const dry = await millrace('dlq', 'redrive', letter?.id ?? '', '--dry-run');
    expect(dry).toMatchObject({
      code: 1,
      said: { dry_run: [{ outcome: 'dead letter again', error: /payload\.liquidity_side/ }] },
    });
    const fixed = botEvent('order_filled', {});
    const file = join(folder, 'event.json');
    await writeFile(file, JSON.stringify(fixed));
    const sent = await millrace('dlq', 'redrive', other?.id ?? '', '--event', file);
    expect(sent).toMatchObject({ code: 0, said: { sent: [other?.id], left: [] } });
    await rig.drain();
    expect(await countOf(fixed.event_id)).toEqual([{ source_topic: 'event-store.redrive' }]);
    const { said } = await millrace('dlq', 'list');
    expect(said['topics']).toContainEqual(
      expect.objectContaining({ topic: 'dlq.order_filled', letters: 1, redriven: 1 }),
    );
  }, 120_000);

  it('S-29 come back as they are when the rules take them, and are letters again when not', async () => {
    const good = botEvent('risk_decision', {});
    const bad = botEventWith('risk_decision', { decision: 'maybe' });
    const topic = rig.names.physical('dlq.risk_decision');
    const headers = {
      'x-application': 'event-store',
      'x-original-topic': 'orders',
      'x-original-partition': '0',
      'x-original-offset': '7',
      'x-error': 'NOT_ALLOWED',
    };
    await rig.send({ ...rig.avro(good), topic, headers });
    await rig.send(rig.json(bad));
    await rig.drain();
    const before = await lettersOf('dlq.risk_decision');
    const places = before.map(({ original }) => original).sort();
    expect(places).toEqual([expect.stringMatching(/^orders\.json.0/), 'orders/0/7']);
    const sent = await millrace('dlq', 'redrive', 'dlq.risk_decision');
    expect(sent).toMatchObject({ code: 0, said: { left: [] } });
    await rig.drain();
    expect(await countOf(good.event_id)).toEqual([{ source_topic: 'event-store.redrive' }]);
    const after = await lettersOf('dlq.risk_decision');
    expect(after.filter(({ redriven }) => !redriven)).toMatchObject([{ original: places[0] }]);
    expect(after).toHaveLength(3);
  }, 120_000);

  it('are sent back only where --event names one letter of bots and an event', async () => {
    const file = join(folder, 'none.json');
    await writeFile(file, '{"half":');
    await rig.send(rig.json(botEventWith('order_created', { side: 'long' })));
    await rig.drain();
    const [letter] = await lettersOf('dlq.order_created');
    const said: string[] = [];
    const env = { ...process.env, TOPIC_PREFIX: rig.names.prefix };
    const io = { out: () => {}, err: (line: string) => said.push(line), env };
    expect(await runCommand(['dlq', 'redrive', letter?.id ?? '', '--event', file], io)).toBe(2);
    expect(said.join()).toMatch(/none by the rules/);
    expect(await runCommand(['dlq', 'redrive', '--all', '--event', file], io)).toBe(2);
    expect(said.join()).toMatch(/one letter of bots/);
  }, 60_000);
});
