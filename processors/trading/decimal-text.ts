/*
 * Decimal text as it stands in events (`1.5`, never `1e3`, `.5`, `-1` or a JSON number), and integers of a
 * token's smallest unit. Exact in both directions.
 */

const PLAIN = /^(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** Whether the text is a decimal of at least 0 without sign, exponent or superfluous zeros in front. */
export function isPlainDecimal(text: unknown): text is string {
  return typeof text === 'string' && PLAIN.test(text);
}

/** Digits behind the point. */
export function fractionDigits(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

/** Smallest units of a token; null when the text is no plain decimal or has more than `decimals` digits. */
export function toUnits(text: string, decimals: number): bigint | null {
  if (!isPlainDecimal(text) || fractionDigits(text) > decimals) return null;
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(decimals, '0'));
}

/** Shape: no superfluous zeros, so that one amount has one text. */
export function fromUnits(units: bigint, decimals: number): string {
  const digits = units.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
