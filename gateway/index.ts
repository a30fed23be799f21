export {
  type ApiKey,
  ApiKeysError,
  authorizeByKey,
  type Nonces,
  parseApiKeys,
  SignatureCheck,
  signedText,
} from './access/index.ts';
export { type AccessRequest, type Authorize, fixedAuthorization } from './authorize.ts';
export {
  BatchingPublisher,
  type BatchingPublisherOptions,
  createBatchingPublisher,
} from './batching-publisher.ts';
export {
  BotIntake,
  type BotIntakeOptions,
  type BotQuery,
  type BotReads,
  type BotRouteOptions,
  MarkedPublisher,
  type MarkedPublisherOptions,
} from './bots/index.ts';
export { DeadlineError, within } from './deadline.ts';
export type { EdgeTrace, EdgeTracing } from './edge-trace.ts';
export type { Submissions } from './idempotency.ts';
export { intentRules, type IntentRulesOptions } from './intent-rules.ts';
export { openApiDocument } from './openapi.ts';
export {
  type GatewayMetrics,
  type HistoryReads,
  type IntentPublisher,
  type IntentReads,
  type IntentRules,
  PublishError,
  type PublishErrorCode,
  type SoundIntent,
} from './ports.ts';
export { type FieldError, Problem, type ProblemCode } from './problem.ts';
export { createGateway, type GatewayOptions } from './server.ts';
export { type StreamMetrics, StreamServer, type StreamServerOptions } from './stream/index.ts';
