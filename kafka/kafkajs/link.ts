import { KafkaJSConnectionClosedError } from 'kafkajs/src/errors.js';
import Connection from 'kafkajs/src/network/connection.js';
import createSocketFactory from 'kafkajs/src/network/socketFactory.js';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js';
import { type ApiVersions, lookup, requests } from 'kafkajs/src/protocol/requests/index.js';
import { KafkaError, type KafkaClientOptions } from '../client.ts';
import { CLIENT_LIMITS, requestTimeoutOf } from '../limits.ts';
import { codeOf } from './errors.ts';

/** A request that the library has no code for, and what its answer says. */
export interface OwnRequest<Answer> {
  readonly api: number;
  readonly name: string;
  readonly version: number;
  /** From some version on headers have tags. */
  readonly flexible: boolean;
  encode(to: Encoder): Encoder;
  decode(from: Decoder): Answer | Promise<Answer>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What the library would log is in the errors that it throws. */
const SILENT = {
  namespace: () => SILENT,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
const makeSocket = createSocketFactory();

/**
 * One connection to one broker. It is given up, with all that waits on it, by the first request that times out:
 * what was sent on it may arrive for as long as it lives (F25).
 */
export class Link {
  readonly #connection: Connection;
  readonly #address: Address;
  #versions: ApiVersions = {};
  #isLost = false;

  private constructor(address: Address, options: KafkaClientOptions) {
    const { tls = null, sasl = null } = options.security ?? {};
    this.#address = address;
    this.#connection = new Connection({
      ...address,
      clientId: options.clientId,
      logger: SILENT,
      socketFactory: makeSocket,
      connectionTimeout: CLIENT_LIMITS.connectMs,
      requestTimeout: requestTimeoutOf(options),
      // Certificates are always checked, against the host that was asked for.
      ssl: tls === null ? null : tls.ca === null ? {} : { ca: [tls.ca] },
      sasl: sasl === null ? null : { ...sasl, mechanism: sasl.mechanism.toLowerCase() },
    });
    // After its first answer the library looks a thousand times a second whether anything waits, by time-outs below 0.
    const queue = this.#connection.requestQueue;
    const check = queue.scheduleCheckPendingRequests.bind(queue);
    queue.scheduleCheckPendingRequests = () => {
      if (queue.pending.length > 0) check();
    };
  }

  /**
   * `signal` ends it while it is being made: a broker that is silent then would hold it for a whole time-out.
   *
   * Throws: the library's errors when the broker is not reached, or knows nobody of that name; KafkaError CLOSED.
   */
  static async open(
    address: Address,
    options: KafkaClientOptions,
    signal: AbortSignal,
  ): Promise<Link> {
    const link = new Link(address, options);
    const ended = Promise.withResolvers<never>();
    const end = (): void => ended.reject(new KafkaError('CLOSED', false, 'The client was closed.'));
    signal.addEventListener('abort', end, { once: true });
    try {
      await Promise.race([link.#start(), ended.promise]);
      return link;
    } catch (error) {
      link.cut();
      throw error;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  get isOpen(): boolean {
    return !this.#isLost && this.#connection.isConnected();
  }

  /** Newest version of an API that the broker has; -1: none. */
  newest(api: number): number {
    return this.#versions[api]?.maxVersion ?? -1;
  }

  /**
   * Asks by one of the library's requests, in the newest version both know. Errors that stand in the answer are left there.
   *
   * Throws: the library's errors of connections and time-outs.
   */
  async ask<Answer>(name: string, values: object): Promise<Answer> {
    const definition = requests[name];
    const key = apiKeys[name];
    if (definition === undefined || key === undefined)
      throw new KafkaError('UNSUPPORTED_VERSION', false, `kafkajs knows no request ${name}.`);
    const { request, response, requestTimeout } = lookup(this.#versions)(key, definition)(values);
    const unjudged = { decode: response.decode, parse: (decoded: object) => decoded };
    return this.#send({ request, response: unjudged, ...(requestTimeout && { requestTimeout }) });
  }

  /** Throws: the library's errors of connections and time-outs. */
  async send<Answer>({ api, name, version, flexible, encode, decode }: OwnRequest<Answer>) {
    const request = {
      apiKey: api,
      apiVersion: version,
      apiName: name,
      encode: async () => encode(flexible ? new Encoder().writeUVarInt(0) : new Encoder()),
    };
    const response = {
      decode: async (bytes: Buffer) => {
        const decoder = new Decoder(bytes);
        if (flexible) decoder.readTaggedFields();
        return { clientSideThrottleTime: 0, answer: await decode(decoder) };
      },
      parse: (decoded: object) => decoded,
    };
    const { answer } = await this.#send<{ readonly answer: Answer }>({ request, response });
    return answer;
  }

  /** Ends it at once; what waits for an answer fails. */
  cut(): void {
    this.#isLost = true;
    const closed = new KafkaJSConnectionClosedError('The connection was given up.', this.#address);
    this.#connection.rejectRequests(closed);
    void this.#connection.disconnect();
    this.#connection.socket?.destroy();
  }

  async #start(): Promise<void> {
    await this.#connection.connect();
    const { apiVersions } = await this.#send<{
      readonly apiVersions: readonly {
        readonly apiKey: number;
        readonly minVersion: number;
        readonly maxVersion: number;
      }[];
    }>((requests['ApiVersions'] as (typeof requests)[string]).protocol({ version: 2 })({}));
    this.#versions = Object.fromEntries(apiVersions.map((each) => [each.apiKey, each]));
    this.#connection.setVersions(this.#versions);
    this.#connection.setSupportAuthenticationProtocol(
      this.newest(apiKeys['SaslAuthenticate'] ?? -1) >= 0,
    );
    await this.#connection.authenticate();
  }

  async #send<Answer>(request: Omit<Parameters<Connection['send']>[0], 'logResponseError'>) {
    try {
      return (await this.#connection.send({ ...request, logResponseError: false })) as Answer;
    } catch (error) {
      if (codeOf(error) === 'TIMEOUT') this.cut();
      throw error;
    }
  }
}
