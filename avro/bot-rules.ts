import rules from './rules/bot-events.v1.json' with { type: 'json' };

export type BotFieldKind =
  | 'uuid4'
  | 'uuid_or_empty'
  | 'event_type'
  | 'version'
  | 'timestamp'
  | 'id'
  | 'text'
  | 'enum'
  | 'decimal'
  | 'boolean'
  | 'object';

/** What a bot event is refused with; the same word in every SDK. */
export type BotRuleCode = keyof typeof rules.codes;

export interface BotFieldRule {
  readonly name: string;
  readonly kind: BotFieldKind;
  readonly required: boolean;
  /** Required too when the payload's other field has one of these values. */
  readonly requiredWhen?: { readonly field: string; readonly in: readonly string[] };
  readonly values?: readonly string[];
}

export interface BotRules {
  readonly limits: Readonly<Record<keyof typeof rules.limits, number>>;
  readonly patterns: Readonly<Record<keyof typeof rules.patterns, string>>;
  readonly codes: Readonly<Record<BotRuleCode, string>>;
  readonly envelope: readonly BotFieldRule[];
  readonly events: Readonly<
    Record<string, { readonly record: string; readonly payload: readonly BotFieldRule[] }>
  >;
}

/** What an event of a bot has to be, in one place for the server and the SDKs: sdk/README.md says how it is read. */
export const BOT_RULES = rules as BotRules;
