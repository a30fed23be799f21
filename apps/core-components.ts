import { BotReports } from './bot-reports.ts';
import { botObserver } from './bot-metrics.ts';
import { botSink } from './bot-sink.ts';
import { clockMicros } from './clock.ts';
import { BotStore } from '../connectors/postgres/index.ts';
import {
  createMockVenue,
  swapPerformers,
  UniswapVenue,
  type VenueAdapter,
} from '../connectors/chain/index.ts';
import {
  type BatchingPublisher,
  BotIntake,
  type BotQuery,
  createBatchingPublisher,
  intentRules,
  MarkedPublisher,
} from '../gateway/index.ts';
import { partitionOf } from '../kafka/partitioner.ts';
import { evaluateRisk, type PlannerOptions, type RiskLimits } from '../processors/trading/index.ts';
import { type Config, ConfigError, type ConfigProblem } from './config.ts';
import { eventStoreSink } from './event-store-sink.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { readModelProjector } from './read-model-projector.ts';
import type { Services } from './service-connector.ts';
import { loadAssets, loadContracts, orchestratorOptions, plannerOptions } from './topologies.ts';

const NO_KEY: ConfigProblem = {
  variable: 'SIGNER_PRIVATE_KEY',
  value: null,
  problem: 'needed by the orchestrator while PLATFORM_MOCK_CHAIN is false',
  remedy:
    'Set it to the key of the account that swaps, or SIGNER_PRIVATE_KEY_FILE to a file that holds it',
};

/**
 * The parts of the trading family, each made once, when it is first asked for.
 *
 * Source: B-16.
 */
export class CoreComponents {
  readonly #config: Config;
  readonly #services: Services;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #made = new Map<string, unknown>();

  constructor(config: Config, services: Services, log: Log, metrics: Metrics) {
    this.#config = config;
    this.#services = services;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Puts events on the log: only types of the catalogue, each with its event_id as a header (B-34, B-35). */
  get eventStream(): BatchingPublisher {
    return this.#once('eventStream', () =>
      createBatchingPublisher({
        producer: this.#services.edgeKafka.producer(),
        codec: this.#services.codec,
        topicPrefix: this.#config.kafka.topicPrefix,
        partitions: this.#config.kafka.partitions,
        partitionOf,
        observeSeconds: (seconds) => this.#metrics.publishSeconds.observe(seconds),
      }),
    );
  }

  /** What the gateway needs for bots: their events in, and reports on them out. */
  get botGateway() {
    return this.#once('botGateway', () => {
      const { pg, admin, names, codec, edgeKafka } = this.#services;
      const { partitions } = this.#config.kafka;
      const store = new BotStore(pg.database);
      const reports = new BotReports({ database: pg.database, store, admin, names });
      const producer = edgeKafka.producer();
      const producerId = `http-${this.#config.service.instanceId}`;
      const publisher = new MarkedPublisher({ producer, names, producerId, nowMs: Date.now });
      return {
        intake: new BotIntake({ codec, names, partitions, partitionOf, source: 'http' }),
        publisher,
        reads: {
          report: (query: BotQuery) => reports.report(query),
          known: (eventIds: readonly string[]) => store.known(eventIds),
          chain: (correlationId: string) => store.chain(correlationId),
        },
        close: async () => {
          await publisher.close();
          await producer.close();
        },
      };
    });
  }

  /** What the gateway needs to know of intents: rules of their shape, and where to read them. */
  get intentManager() {
    return this.#once('intentManager', () => ({
      rules: intentRules({
        assets: this.#assets,
        maxNotionalUsd: this.#config.risk.maxNotionalUsd,
      }),
      assets: new Map([...this.#assets.assets].map(([symbol, { decimals }]) => [symbol, decimals])),
      reads: this.#services.redis,
      histories: this.#services.pg,
    }));
  }

  get riskEngine() {
    return this.#once('riskEngine', () => {
      const limits: RiskLimits = this.#config.risk;
      return {
        limits,
        evaluate: (order: Parameters<typeof evaluateRisk>[0]) => evaluateRisk(order, limits),
      };
    });
  }

  get executionPlanner(): { readonly options: PlannerOptions } {
    return this.#once('executionPlanner', () => {
      const { options, warning } = plannerOptions(this.#config, this.#assets);
      if (warning !== null) this.#log.warn({}, warning);
      return { options };
    });
  }

  get executionOrchestrator() {
    return this.#once('executionOrchestrator', () => {
      const { venues } = this.venueManager;
      return {
        options: orchestratorOptions(this.#config),
        performers: swapPerformers(venues),
      };
    });
  }

  /** The venues that plans may name. */
  get venueManager() {
    return this.#once('venueManager', () => {
      const venue = this.#config.chain.mock
        ? createMockVenue({ assets: this.#assets })
        : this.#venueOnChain();
      return { venue, venues: new Map<string, VenueAdapter>([[venue.venue, venue]]) };
    });
  }

  /** What only the coordinator runs: the writers of the stores. */
  get stateCoordinator() {
    return this.#once('stateCoordinator', () => {
      const { pg: store, redisWriter, codec, kafka, names } = this.#services;
      if (redisWriter === null) throw new Error('only the coordinator may write the stores');
      const bots = new BotStore(store.database);
      const producer = kafka.producer();
      const observer = botObserver(this.#metrics, clockMicros);
      return {
        bots,
        sinks: [
          eventStoreSink({ store, seen: redisWriter, codec, log: this.#log }),
          readModelProjector(redisWriter, codec),
          botSink({ store: bots, codec, producer, names, observer, log: this.#log }),
        ],
        close: () => producer.close(),
      };
    });
  }

  /** Ends what the components opened themselves. */
  async close(): Promise<void> {
    if (this.#made.has('eventStream')) await this.eventStream.close();
    if (this.#made.has('botGateway')) await this.botGateway.close();
    if (this.#made.has('stateCoordinator')) await this.stateCoordinator.close();
  }

  /** Throws: ConfigError (stop) without a key, ChainContractsError (stop) for a chain that is not known. */
  #venueOnChain(): VenueAdapter {
    const { chain } = this.#config;
    const { rpcUrl, chainId, signerKey, recipient, approval, confirmations } = chain;
    if (signerKey === null || rpcUrl === null) throw new ConfigError([NO_KEY]);
    return new UniswapVenue({
      assets: this.#assets,
      contracts: loadContracts(chain),
      rpcUrl,
      chainId,
      privateKey: signerKey.reveal(),
      approval,
      confirmations,
      ...(recipient === null ? {} : { recipient }),
    });
  }

  get #assets() {
    return this.#once('assets', loadAssets);
  }

  #once<Part>(name: string, make: () => Part): Part {
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as Part;
  }
}
