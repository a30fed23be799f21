import { type Assets, priorityOf, validateIntent } from '../processors/trading/index.ts';
import type { IntentRules } from './ports.ts';
import type { FieldError } from './problem.ts';

/** Levels of objects and lists in a body; what recurses over it later must not run out of stack. */
const MAX_DEPTH = 32;

/** How JSON.stringify writes what the event store's jsonb cannot hold: U+0000 and half surrogate pairs. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

export interface IntentRulesOptions {
  readonly assets: Assets;
  /** Decimal; the limit that priorities are fractions of. */
  readonly maxNotionalUsd: string;
}

/** The rules of trading, and what the edge refuses before them because no store could keep it. */
export function intentRules({ assets, maxNotionalUsd }: IntentRulesOptions): IntentRules {
  return {
    validate(body) {
      if (isDeeper(body, MAX_DEPTH)) return { ok: false, errors: [TOO_DEEP] };
      const checked = validateIntent(body, assets);
      if (!checked.ok || !UNSTORABLE.test(JSON.stringify(checked.intent.metadata))) return checked;
      return { ok: false, errors: [UNSTORABLE_METADATA] };
    },
    priority: ({ notional_usd }) => priorityOf(notional_usd, maxNotionalUsd),
  };
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

const TOO_DEEP: FieldError = {
  field: '',
  code: 'TOO_DEEP',
  message: `the body has more than ${MAX_DEPTH} levels of objects and lists`,
  remedy: `Send at most ${MAX_DEPTH} levels.`,
};

const UNSTORABLE_METADATA: FieldError = {
  field: '/metadata',
  code: 'UNSTORABLE_TEXT',
  message: 'metadata has a text with U+0000 or half of a surrogate pair',
  remedy: 'Send well-formed Unicode without U+0000.',
};
