import { PROBLEMS } from './problem.ts';

/** A JSON Schema (2020-12), as OpenAPI 3.1 uses it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export function ref(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object with exactly these properties, all of them there unless said otherwise. */
function record(
  properties: Readonly<Record<string, JsonSchema>>,
  { optional = [] }: { readonly optional?: readonly string[] } = {},
): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', required, properties, additionalProperties: false };
}

const TEXT = { type: 'string' };
const TEXT_OR_NULL = { type: ['string', 'null'] };
const COUNT = { type: 'integer', minimum: 0 };
const ID = { type: 'string', description: 'A UUID.' };
const DECIMAL = { type: 'string', pattern: '^(0|[1-9][0-9]*)(\\.[0-9]+)?$', examples: ['1.5'] };
const DECIMAL_OR_NULL = { ...DECIMAL, type: ['string', 'null'] };
const SIGNED_DECIMAL = {
  type: 'string',
  pattern: '^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$',
  examples: ['-1.5'],
};
const ASSET = {
  type: 'string',
  description: 'A symbol of config/assets.json.',
  examples: ['WETH'],
};
const STATUS = { enum: ['healthy', 'unhealthy'] };

/** Digits that amounts may have before the point, and those of dollars and fractions behind it. */
const [WHOLE_DIGITS, FRACTION_DIGITS] = [30, 18];

/** A decimal above 0 with so many digits behind the point. */
function amountAbove0(fractionDigits: number): JsonSchema {
  const digits = `(0|[1-9][0-9]{0,${WHOLE_DIGITS - 1}})(\\.[0-9]{1,${fractionDigits}})?`;
  return { ...TEXT, pattern: `^(?=.*[1-9])${digits}$`, examples: ['1.5'] };
}

const INTENT_REQUEST = record(
  {
    strategyId: { ...TEXT, pattern: '^[A-Za-z0-9._-]{1,64}$' },
    base: ASSET,
    quote: { ...ASSET, description: 'Another one than base.', examples: ['USDC'] },
    amount_in: {
      ...amountAbove0(FRACTION_DIGITS),
      description:
        'Above 0, in units of base, as text: never a number. Behind the point at most the decimals of base.',
    },
    notional_usd: { ...amountAbove0(FRACTION_DIGITS), description: 'Above 0.' },
    max_slippage: {
      ...DECIMAL,
      pattern: `^0(\\.[0-9]{1,${FRACTION_DIGITS}})?$`,
      description: 'A fraction, 0 to below 1.',
      examples: ['0.01'],
    },
    metadata: {
      type: ['object', 'null'],
      description: 'At most 4 KiB and 31 levels, as JSON, without U+0000.',
    },
  },
  { optional: ['metadata'] },
);

/** What can be said of an intent where the assets are known: their names, and how finely each can be divided. */
function intentRequestOf(assets: AssetDecimals): JsonSchema {
  const symbols = [...assets.keys()];
  const { properties, ...rest } = INTENT_REQUEST;
  const { base, quote } = properties as Readonly<Record<string, JsonSchema>>;
  const named = { base: { ...base, enum: symbols }, quote: { ...quote, enum: symbols } };
  const rules = [...assets].flatMap(([symbol, decimals]) => {
    const isBase = { properties: { base: { const: symbol } } };
    const then = {
      properties: { quote: { not: { const: symbol } }, amount_in: amountAbove0(decimals) },
    };
    return [{ if: isBase, then }];
  });
  return { ...rest, properties: { ...(properties as object), ...named }, allOf: rules };
}

const INTENT_SUMMARY = record({
  strategy_id: TEXT_OR_NULL,
  base: TEXT_OR_NULL,
  quote: TEXT_OR_NULL,
  amount_in: DECIMAL_OR_NULL,
  notional_usd: DECIMAL_OR_NULL,
  max_slippage: DECIMAL_OR_NULL,
  amount_out: DECIMAL_OR_NULL,
  tx_hash: TEXT_OR_NULL,
  reason: { ...TEXT_OR_NULL, description: 'Why it failed, in a sentence.' },
  code: { ...TEXT_OR_NULL, description: 'Why it failed, for programs.' },
  failed_stage: { enum: ['risk', 'planning', 'execution', null] },
});

const INTENT = record({
  state: { enum: ['Submitted', 'Accepted', 'Planned', 'Executing', 'Completed', 'Failed'] },
  last_event_time: { ...TEXT, format: 'date-time' },
  latest_plan_id: TEXT_OR_NULL,
  summary: INTENT_SUMMARY,
});

const PLAN_STEP = record({
  venue: { ...TEXT, examples: ['uniswap_v3'] },
  base: ASSET,
  quote: ASSET,
  amount_in: DECIMAL,
  min_out: DECIMAL,
});

const PLAN = record({
  status: { enum: ['created', 'executing', 'completed', 'failed'] },
  steps: { type: 'array', items: PLAN_STEP },
  progress: record({ done: COUNT, total: COUNT }),
});

const POSITIONS = record({
  last_event_time: { ...TEXT, format: 'date-time' },
  summary: record({
    completed: { ...COUNT, description: 'Intents.' },
    failed: { ...COUNT, description: 'Intents.' },
    notional_usd: { ...DECIMAL, description: 'Sum over the completed ones.' },
    net: {
      type: 'object',
      additionalProperties: SIGNED_DECIMAL,
      description: 'By asset: what the swaps gave less what they took.',
    },
    mock_pnl_usd: { ...SIGNED_DECIMAL, description: 'Net at fixed marks: a mock.' },
  }),
});

const EVENT = record({
  eventId: { ...TEXT, description: 'A ULID.' },
  timestamp: { ...TEXT, format: 'date-time', description: 'UTC, six decimals.' },
  topic: { ...TEXT, description: 'Type of the event.', examples: ['plan.created'] },
  correlationId: TEXT,
  causationId: { ...TEXT_OR_NULL, description: 'eventId of the direct cause.' },
  payload: { type: 'object' },
  version: { type: 'integer', minimum: 1 },
  sequence: { type: ['integer', 'null'], description: 'Place in the correlation, from 1.' },
});

const FIELD_ERROR = record({
  field: { ...TEXT, description: 'JSON pointer; empty: the body as a whole.' },
  code: TEXT,
  message: TEXT,
  remedy: TEXT,
});

const PROBLEM = record({
  type: { ...TEXT, format: 'uri' },
  title: TEXT,
  status: { type: 'integer' },
  detail: TEXT,
  code: { enum: Object.keys(PROBLEMS) },
  request_id: TEXT,
  errors: {
    type: 'array',
    items: ref('FieldError'),
    description: 'All failing fields; empty where no field is to blame.',
  },
});

const HEALTH = record({
  status: STATUS,
  version: TEXT,
  components: { type: 'object', additionalProperties: record({ status: STATUS }) },
  uptime: { ...COUNT, description: 'Milliseconds.' },
});

/** Digits behind the point of each asset, by its symbol. */
export type AssetDecimals = ReadonlyMap<string, number>;

/** All schemas; without assets any symbol fits. */
export function schemasOf(assets: AssetDecimals | null): Readonly<Record<string, JsonSchema>> {
  return { IntentRequest: assets === null ? INTENT_REQUEST : intentRequestOf(assets), ...SCHEMAS };
}

const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  IntentTaken: record({ intent_id: { ...ID, format: 'uuid' } }),
  Intent: INTENT,
  Plan: PLAN,
  Positions: POSITIONS,
  History: record({
    intent_id: ID,
    correlation_id: TEXT,
    events: { type: 'array', items: ref('Event') },
  }),
  Event: EVENT,
  Found: record({
    id: { ...TEXT, description: 'As it is stored.' },
    correlation_id: TEXT,
    found_by: { enum: ['correlation_id', 'intent_id', 'event_id', 'plan_id'] },
  }),
  Problem: PROBLEM,
  FieldError: FIELD_ERROR,
  Health: HEALTH,
  Alive: record({ status: { const: 'alive' } }),
};
