export {
  type BotIntake,
  type BotRecord,
  botContent,
  botPayload,
  takeBotJson,
  takeBotRecord,
  type TakenEvent,
} from './bot-record.ts';
export { ExactNumber, parseExactJson } from './exact-json.ts';
export { microsOfUtc } from './utc-time.ts';
export { type BotRejection, rejection, validateBotEvent } from './validate-event.ts';
