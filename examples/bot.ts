import { BotProducer } from '../sdk/typescript/src/index.ts';

/*
 * A paper-trading bot: each round is one chain from the risk decision to the fill, and a snapshot of its state stands alone.
 * Run it beside a started system: npx node examples/bot.ts [rounds]
 */

const rounds = Number(process.argv[2] ?? 3);
const instance_name = 'example-ts';

const bot = await BotProducer.open({
  brokers: [process.env['KAFKA_BROKERS'] ?? '127.0.0.1:19092'],
  registryUrl: process.env['SCHEMA_REGISTRY_URL'] ?? 'http://127.0.0.1:18081/apis/ccompat/v7',
  topicPrefix: process.env['TOPIC_PREFIX'] ?? '',
  spoolFolder: process.env['BOT_SPOOL'] ?? `.data/bots/${instance_name}`,
  producer: 'example',
  instance_name,
  controller_id: 'market_maker_v1',
  connector_name: 'bitget_paper_trade',
  trading_pair: 'BTC-USDT',
});

for (let round = 0; round < rounds; round++) {
  const client_order_id = `${instance_name}-${round}`;
  const price = (64_000 + round).toFixed(2);
  const decision = await bot.emit('risk_decision', {
    approved: true,
    decision: 'allow',
    reason: 'within limits',
  });
  const order = await bot.child(decision).emit('order_created', {
    client_order_id,
    side: round % 2 === 0 ? 'buy' : 'sell',
    order_type: 'limit_maker',
    price,
    amount_base: '0.01',
    is_live: false,
  });
  await bot.child(order).emit.nowait('order_filled', {
    client_order_id,
    fill_price: price,
    fill_qty_base: '0.01',
    fill_qty_quote: (Number(price) / 100).toFixed(4),
    fee_asset: 'USDT',
    fee_amount: '0',
    liquidity_side: 'maker',
  });
  await bot.emit.nowait('state_snapshot', { state: 'running', base_pct: '50' });
}

const { unsent } = await bot.close();
console.log(`${bot.status().confirmed} events confirmed, ${unsent} unsent`);
