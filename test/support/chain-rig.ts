import type { KafkaClient } from '../../kafka/client.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { SystemClient } from '../e2e/system-client.ts';
import { startSystem, type System, type SystemOptions } from '../e2e/system-fixture.ts';
import { type LocalChain, startLocalChain } from './local-chain.ts';
import { RpcTap } from './rpc-tap.ts';
import { venueOn } from './venue-on.ts';

export interface ChainRigOptions {
  readonly name: string;
  /** What each intent sells, and what it says that this is worth. */
  readonly amount: string;
  readonly notionalUsd: string;
  readonly second?: SystemOptions['second'];
  /** Added to the environment of all apps, and of the first orchestrator alone. */
  readonly env?: Readonly<Record<string, string>>;
  readonly orchestratorEnv?: Readonly<Record<string, string>>;
  /** When the chain runs, and before anything is on it. */
  readonly prepare?: (chain: LocalChain) => Promise<unknown>;
}

/** What the account of a chain has sold, and how many of its transactions are mined. */
interface Spent {
  readonly sold: bigint;
  readonly mined: number;
}

/** A system that trades on a chain of its own; its first orchestrator speaks to the node through a tap. */
export class ChainRig {
  readonly chain: LocalChain;
  readonly tap: RpcTap;
  readonly system: System;
  readonly kafka: KafkaClient;
  readonly client: SystemClient;
  readonly #options: ChainRigOptions;

  private constructor(
    options: ChainRigOptions,
    { chain, tap, system }: Pick<ChainRig, 'chain' | 'tap' | 'system'>,
  ) {
    this.#options = options;
    this.chain = chain;
    this.tap = tap;
    this.system = system;
    const { brokers } = system.config.kafka;
    this.kafka = platformaticClient({ brokers, clientId: options.name });
    this.client = new SystemClient(system, this.kafka);
  }

  static async start(options: ChainRigOptions): Promise<ChainRig> {
    const chain = await startLocalChain();
    await options.prepare?.(chain);
    const tap = await RpcTap.start(chain.url);
    const env = {
      PLATFORM_MOCK_CHAIN: 'false',
      ETH_RPC_URL: chain.url,
      CHAIN_ID: '31337',
      SIGNER_PRIVATE_KEY: chain.key,
      ...options.env,
    };
    const envOf = { orchestrator: { ETH_RPC_URL: tap.url, ...options.orchestratorEnv } };
    const { name, second = [] } = options;
    const system = await startSystem(name, { separate: true, second, env, envOf });
    return new ChainRig(options, { chain, tap, system });
  }

  submit(): Promise<string> {
    const { amount, notionalUsd } = this.#options;
    return this.client.submit({ amount_in: amount, notional_usd: notionalUsd });
  }

  async spent(): Promise<Spent> {
    const venue = venueOn(this.chain);
    return { sold: -units(await venue.balance('WETH')), mined: (await venue.nonceState()).mined };
  }

  /** Throws: Error unless since then exactly so many intents were sold, each by one transaction. */
  async requireSold(before: Spent, intents: number): Promise<void> {
    const { sold, mined } = await this.spent();
    const wanted = BigInt(intents) * units(this.#options.amount);
    if (sold - before.sold !== wanted || mined - before.mined !== intents)
      throw new Error(
        `${intents} intents sell ${wanted}, and ${sold - before.sold} were, in ${mined - before.mined} transactions.`,
      );
  }

  async stop(): Promise<void> {
    await this.system.stop();
    await this.tap.stop();
    await this.chain.remove();
  }
}

/** An amount of a token with 18 decimals. */
export function units(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(18, '0'));
}
