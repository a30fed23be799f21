export {
  BotIntake,
  type BotIntakeOptions,
  type Intake,
  type IntakeRecord,
  type RejectedEvent,
} from './bot-intake.ts';
export { MarkedPublisher, type MarkedPublisherOptions } from './marked-publisher.ts';
export { BOT_PATHS, BOT_SCHEMAS } from './openapi.ts';
export { type BotQuery, type BotReads, type BotRouteOptions, registerBots } from './routes.ts';
export { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, splitBatch } from './split-batch.ts';
