import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { registerSignatures, type SignatureCheck } from './access/index.ts';
import { type Authorize, fixedAuthorization } from './authorize.ts';
import { type BotRouteOptions, registerBots } from './bots/index.ts';
import { type EdgeTracing, PASSED_ON } from './edge-trace.ts';
import type { Submissions } from './idempotency.ts';
import { MAX_BODY_BYTES, methodGuard, registerErrors, takeEveryMethod } from './errors.ts';
import { registerSubmit } from './intents.ts';
import { registerJsonBody } from './json-body.ts';
import { registerLookup } from './lookup.ts';
import { openApiDocument } from './openapi.ts';
import { registerPage } from './page.ts';
import type {
  CorrelationReads,
  GatewayMetrics,
  HistoryReads,
  IntentPublisher,
  IntentReads,
  IntentRules,
} from './ports.ts';
import { Problem, sendProblem } from './problem.ts';
import { answerUnread } from './unread-request.ts';
import { createRateLimit } from './rate-limit.ts';
import { registerReads } from './reads.ts';
import { requestIdOf } from './request-id.ts';

const MAX_PATH_BYTES = 16 * 1024;
/** A client that takes longer to send its request is cut off. */
const REQUEST_LIMIT_MS = 30_000;

export interface GatewayOptions {
  readonly config: {
    /** Per API key or remote address; 0: no limit. */
    readonly rateLimitIntentsPerMin: number;
    readonly authorization: 'allow' | 'deny';
  };
  readonly version: string;
  readonly log: FastifyBaseLogger;
  readonly metrics: GatewayMetrics;
  readonly rules: IntentRules;
  /** Decimals by symbol, for the API document. Default: it names none. */
  readonly assets?: ReadonlyMap<string, number>;
  readonly publisher: IntentPublisher;
  readonly readModels: IntentReads;
  readonly store: HistoryReads;
  readonly correlations: CorrelationReads;
  readonly submissions: Submissions;
  /** Absent: whoever reaches the gateway may use it, and X-Api-Key is believed. */
  readonly signatures?: SignatureCheck;
  readonly bots: BotRouteOptions;
  /** Adds `/health`, `/livez` and `/metrics`, the same as in every app. */
  readonly serviceRoutes: (server: FastifyInstance) => void;
  /** Default: what `config.authorization` says, to everybody. */
  readonly authorize?: Authorize;
  /** Default: the caller's trace is handed on, and nothing reported. */
  readonly tracing?: EdgeTracing;
  /** Default: the clock of the machine. */
  readonly nowMs?: () => number;
}

/**
 * The REST server. It publishes and reads, and owns no state.
 *
 * Order: `listen` and `close` are the caller's; everything that it is given outlives it.
 * Source: docs/reference/interfaces.md, REST.
 */
export function createGateway(options: GatewayOptions): FastifyInstance {
  const {
    config,
    nowMs = Date.now,
    tracing = PASSED_ON,
    authorize = fixedAuthorization(config.authorization),
  } = options;
  const rateLimit = createRateLimit({ perMinute: config.rateLimitIntentsPerMin, nowMs });
  const server = createServer(options.log);
  takeEveryMethod(server);
  const methods = methodGuard(server);
  registerDrain(server);
  registerRequestIds(server);
  registerErrors(server);
  registerJsonBody(server);
  if (options.signatures !== undefined) registerSignatures(server, options.signatures);
  options.serviceRoutes(server);
  registerSubmit(server, { ...options, authorize, rateLimit, tracing, nowMs });
  registerReads(server, options);
  registerLookup(server, options.correlations);
  registerBots(server, { ...options.bots, authorize });
  registerDocument(server, openApiDocument(options.version, options.assets ?? null));
  registerStream(server);
  registerPage(server, { isSigned: options.signatures !== undefined });
  methods.close();
  return server;
}

function createServer(log: FastifyBaseLogger): FastifyInstance {
  return fastify({
    loggerInstance: log,
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'request_id',
    }),
    genReqId: requestIdOf,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_LIMIT_MS,
    return503OnClosing: false,
    // A path is never longer than all headers; that an id is none is said by its route.
    routerOptions: { maxParamLength: MAX_PATH_BYTES },
    clientErrorHandler: (error, socket) => answerUnread(error, socket),
    frameworkErrors: (error, request, reply) => {
      const problem = new Problem('BAD_REQUEST', `${error.message}; encode the path again`);
      void sendProblem(reply, problem, request.id);
    },
  });
}

/** Answers to what is under way at the end give their connections up: kept open, each would hold the end for a minute. */
function registerDrain(server: FastifyInstance): void {
  let isClosing = false;
  server.addHook('preClose', async () => {
    isClosing = true;
  });
  server.addHook('onSend', async (_, reply) => {
    if (isClosing) reply.header('Connection', 'close');
  });
}

/** Every answer says which request it belongs to, and so does every line of the log. Source: B-20. */
function registerRequestIds(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.header('X-Request-Id', request.id);
  });
  server.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    const { statusCode: status, elapsedTime } = reply;
    request.log.info({ method, url, status, ms: Math.round(elapsedTime * 1000) / 1000 }, 'request');
  });
}

/** The WebSocket is attached to the HTTP server itself; what comes here did not ask for one. */
function registerStream(server: FastifyInstance): void {
  server.get('/stream', async (_, reply) => {
    reply.header('Upgrade', 'websocket');
    throw new Problem('UPGRADE_REQUIRED', 'Ask for /stream with a WebSocket client');
  });
}

function registerDocument(server: FastifyInstance, of: object): void {
  const document = JSON.stringify(of);
  server.get('/openapi.json', async (_, reply) =>
    reply.type('application/json; charset=utf-8').send(document),
  );
}
