import type { Assets } from './assets.ts';
import { fractionDigits, isPlainDecimal } from './decimal-text.ts';

/** An intent whose shape is right; limits are the risk engine's business. */
export interface ValidIntent {
  readonly strategyId: string;
  readonly base: string;
  readonly quote: string;
  readonly amount_in: string;
  readonly notional_usd: string;
  readonly max_slippage: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export type FieldErrorCode =
  | 'NOT_AN_OBJECT'
  | 'MISSING'
  | 'UNKNOWN_FIELD'
  | 'INVALID_STRATEGY_ID'
  | 'UNKNOWN_ASSET'
  | 'SAME_ASSET'
  | 'NOT_A_DECIMAL_STRING'
  | 'NOT_POSITIVE'
  | 'OUT_OF_RANGE'
  | 'TOO_MANY_DIGITS'
  | 'TOO_LARGE';

export interface FieldError {
  /** JSON pointer; empty: the body itself. */
  readonly field: string;
  readonly code: FieldErrorCode;
  readonly message: string;
  readonly remedy: string;
}

export type IntentValidation =
  | { readonly ok: true; readonly intent: ValidIntent }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

const FIELDS: ReadonlySet<string> = new Set([
  'strategyId',
  'base',
  'quote',
  'amount_in',
  'notional_usd',
  'max_slippage',
  'metadata',
]);
const STRATEGY_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** Digits before the point; a token's whole supply has fewer. */
const WHOLE_DIGITS = 30;
/** Digits behind the point of dollars and fractions; a token's own decimals bound its amounts. */
const FRACTION_DIGITS = 18;
const METADATA_BYTES = 4 * 1024;

type Body = Readonly<Record<string, unknown>>;

/**
 * Checks the shape of an intent and lists every field that is wrong.
 *
 * Source: B-37, B-38, X-13.
 */
export function validateIntent(body: unknown, assets: Assets): IntentValidation {
  if (!isObject(body)) {
    const remedy =
      'Send an object with strategyId, base, quote, amount_in, notional_usd, max_slippage.';
    return { ok: false, errors: [error('', 'NOT_AN_OBJECT', 'is not a JSON object', remedy)] };
  }
  const errors = [
    ...unknownFields(body),
    ...strategyErrors(body),
    ...pairErrors(body, assets),
    ...amountErrors(body, 'amount_in', decimalsOf(body, assets)),
    ...amountErrors(body, 'notional_usd', FRACTION_DIGITS),
    ...slippageErrors(body),
    ...metadataErrors(body),
  ];
  if (errors.length > 0) return { ok: false, errors };
  const { strategyId, base, quote, amount_in, notional_usd, max_slippage, metadata = null } = body;
  const intent = { strategyId, base, quote, amount_in, notional_usd, max_slippage, metadata };
  return { ok: true, intent: intent as ValidIntent };
}

function unknownFields(body: Body): FieldError[] {
  return Object.keys(body)
    .filter((name) => !FIELDS.has(name))
    .map((name) =>
      error(pointer(name), 'UNKNOWN_FIELD', 'is not a field of an intent', 'Put it into metadata.'),
    );
}

function strategyErrors(body: Body): FieldError[] {
  const { strategyId } = body;
  const remedy = 'Send 1 to 64 letters, digits, dots, underscores and dashes.';
  if (strategyId === undefined) return [missing('/strategyId', remedy)];
  if (typeof strategyId === 'string' && STRATEGY_ID.test(strategyId)) return [];
  return [
    error(
      '/strategyId',
      'INVALID_STRATEGY_ID',
      `is ${shown(strategyId)}, no strategy's id`,
      remedy,
    ),
  ];
}

function pairErrors(body: Body, assets: Assets): FieldError[] {
  const remedy = `Send one of ${[...assets.assets.keys()].join(', ')}.`;
  const errors = ['base', 'quote'].flatMap((name) => {
    const symbol = body[name];
    if (symbol === undefined) return [missing(`/${name}`, remedy)];
    if (typeof symbol === 'string' && assets.assets.has(symbol)) return [];
    return [error(`/${name}`, 'UNKNOWN_ASSET', `is ${shown(symbol)}, no known asset`, remedy)];
  });
  if (errors.length > 0 || body['base'] !== body['quote']) return errors;
  return [error('/quote', 'SAME_ASSET', 'is the same asset as base', 'Name two different assets.')];
}

function amountErrors(body: Body, name: string, decimals: number): FieldError[] {
  const errors = decimalErrors(body, name, decimals, '1.5');
  if (errors.length > 0) return errors;
  const text = String(body[name]);
  if (!text.startsWith('-') && /[1-9]/.test(text)) return [];
  return [
    error(`/${name}`, 'NOT_POSITIVE', `is ${shown(text)}, not above 0`, 'Send an amount above 0.'),
  ];
}

function slippageErrors(body: Body): FieldError[] {
  const errors = decimalErrors(body, 'max_slippage', FRACTION_DIGITS, '0.01');
  const text = String(body['max_slippage']);
  if (errors.length > 0 || text.startsWith('0')) return errors;
  const remedy = 'Send a fraction from 0 to below 1, such as "0.01" for one per cent.';
  return [
    error('/max_slippage', 'OUT_OF_RANGE', `is ${shown(text)}, not from 0 to below 1`, remedy),
  ];
}

/** A sign is taken for a decimal here, so that the range is what gets reported. */
function decimalErrors(body: Body, name: string, decimals: number, example: string): FieldError[] {
  const field = `/${name}`;
  const value = body[name];
  const remedy = `Send a decimal in quotes, such as "${example}".`;
  if (value === undefined) return [missing(field, remedy)];
  if (typeof value !== 'string' || !isPlainDecimal(value.replace(/^-/, '')))
    return [error(field, 'NOT_A_DECIMAL_STRING', `is ${shown(value)}, no decimal string`, remedy)];
  const whole = value.replace('-', '').split('.')[0] ?? '';
  if (whole.length <= WHOLE_DIGITS && fractionDigits(value) <= decimals) return [];
  const limit = `at most ${WHOLE_DIGITS} digits before and ${decimals} behind the point`;
  return [error(field, 'TOO_MANY_DIGITS', `is ${shown(value)}`, `Send ${limit}.`)];
}

function decimalsOf(body: Body, assets: Assets): number {
  const base = body['base'];
  const asset = typeof base === 'string' ? assets.assets.get(base) : undefined;
  return asset?.decimals ?? FRACTION_DIGITS;
}

function metadataErrors({ metadata }: Body): FieldError[] {
  if (metadata === undefined || metadata === null) return [];
  if (!isObject(metadata))
    return [
      error(
        '/metadata',
        'NOT_AN_OBJECT',
        `is ${shown(metadata)}, not a JSON object`,
        'Send an object, or leave it out.',
      ),
    ];
  const bytes = new TextEncoder().encode(JSON.stringify(metadata)).byteLength;
  if (bytes <= METADATA_BYTES) return [];
  const remedy = `Send at most ${METADATA_BYTES} bytes of JSON.`;
  return [error('/metadata', 'TOO_LARGE', `has ${bytes} bytes of JSON`, remedy)];
}

function missing(field: string, remedy: string): FieldError {
  return error(field, 'MISSING', 'is missing', remedy);
}

function error(field: string, code: FieldErrorCode, problem: string, remedy: string): FieldError {
  return {
    field,
    code,
    message: `${field === '' ? 'the body' : field.slice(1)} ${problem}`,
    remedy,
  };
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pointer(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 64 ? text : `${text.slice(0, 61)}...`;
}
