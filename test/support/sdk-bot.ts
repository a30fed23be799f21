import { setTimeout as pause } from 'node:timers/promises';
import { BotProducer } from '../../sdk/typescript/src/index.ts';

/*
 * A bot for the fault tests: emits events until its input says something, says `buffered <id>` and `confirmed <id>` when
 * the SDK has said so, and `done` when all is acknowledged. sdk/python/tests/fault_bot.py does the same.
 */

const options = JSON.parse(process.argv[2] ?? '{}') as {
  readonly broker: string;
  readonly registry: string;
  readonly prefix: string;
  readonly spool: string;
  readonly pauseMs: number;
  readonly clockHours?: number;
};
const { clockHours = 0 } = options;
const now = Date.now.bind(Date);
Date.now = () => now() + clockHours * 3_600_000;
let isEnough = false;
process.stdin.once('data', () => (isEnough = true));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const bot = await BotProducer.open({
  brokers: [options.broker],
  registryUrl: options.registry,
  topicPrefix: options.prefix,
  spoolFolder: options.spool,
  producer: 'fault-bot',
  instance_name: 'typescript',
  controller_id: 'epp_v2_4',
  connector_name: 'bitget_paper_trade',
  trading_pair: 'BTC-USDT',
});
say('ready');
const confirming: Promise<void>[] = [];
for (let index = 0; !isEnough; index++) {
  const payload = { state: 'running', equity_quote: String(index) } as const;
  if (index % 5 === 0)
    confirming.push(
      bot.emit('state_snapshot', payload).then(({ event_id }) => say(`confirmed ${event_id}`)),
    );
  else say(`buffered ${(await bot.emit.nowait('state_snapshot', payload))?.event_id}`);
  await pause(options.pauseMs);
}
await Promise.all(confirming);
await bot.flush(120_000);
await bot.close();
say('done');
process.stdin.destroy();
