import { type ApiKey, ApiKeysError, parseApiKeys } from '../gateway/access/index.ts';
import type { ConfigReader } from './config-reader.ts';

/** What the gateway takes from its environment. Source: docs/reference/configuration.md, Gateway. */
export interface GatewayConfig {
  /** Event names, or a family with a star: `exec.*`. */
  readonly wsAllowedTopics: readonly string[];
  /** Per `X-Api-Key`, or per remote address without one. 0: no limit. */
  readonly rateLimitIntentsPerMin: number;
  readonly authorization: 'allow' | 'deny';
  /** By id: requests have to be signed by one of them. Null: they need not. */
  readonly apiKeys: ReadonlyMap<string, ApiKey> | null;
}

export function gatewayConfig(reader: ConfigReader): GatewayConfig {
  return {
    wsAllowedTopics: reader.list(
      'WS_ALLOWED_TOPICS',
      ['intent.*', 'risk.*', 'plan.*', 'exec.*', 'market.*'],
      {
        pattern: /^(intent|risk|plan|exec|system|market)\.(\*|[a-z0-9_]+)$/,
        problem: 'not a list of event names',
        remedy:
          'Set WS_ALLOWED_TOPICS to names such as plan.created or exec.*, of intent, risk, plan, exec, system and market, separated by commas',
      },
    ),
    rateLimitIntentsPerMin: reader.integer('RATE_LIMIT_INTENTS_PER_MIN', 0, {
      min: 0,
      max: 1_000_000,
    }),
    authorization: reader.choice('INTENT_AUTHORIZATION', 'allow', ['allow', 'deny']),
    apiKeys: apiKeys(reader),
  };
}

function apiKeys(reader: ConfigReader): GatewayConfig['apiKeys'] {
  const text = reader.file('API_KEYS_FILE');
  if (!reader.flag('HMAC_REQUIRED', false)) return null;
  if (text === null) {
    if (reader.raw('API_KEYS_FILE') !== null) return null;
    const remedy = 'Set it to a file with the keys of those who may call the gateway';
    reader.reject('API_KEYS_FILE', 'needed where HMAC_REQUIRED is true', remedy);
    return null;
  }
  try {
    return parseApiKeys(text);
  } catch (error) {
    if (!(error instanceof ApiKeysError)) throw error;
    reader.reject('API_KEYS_FILE', error.message, 'Correct the file');
    return null;
  }
}
