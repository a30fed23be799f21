import { fractionDigits, fromUnits } from '../decimal-text.ts';

/*
 * Decimal text with a sign, added and multiplied exactly. One amount has one text: no superfluous zeros, no
 * negative zero. Operands are plain decimals, or what these functions gave.
 */

export function add(left: string, right: string): string {
  const digits = Math.max(fractionDigits(left), fractionDigits(right));
  return textOf(units(left, digits) + units(right, digits), digits);
}

export function subtract(left: string, right: string): string {
  const digits = Math.max(fractionDigits(left), fractionDigits(right));
  return textOf(units(left, digits) - units(right, digits), digits);
}

export function multiply(left: string, right: string): string {
  const [a, b] = [fractionDigits(left), fractionDigits(right)];
  return textOf(units(left, a) * units(right, b), a + b);
}

function units(text: string, digits: number): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(digits, '0'));
}

function textOf(value: bigint, digits: number): string {
  return value < 0n ? `-${fromUnits(-value, digits)}` : fromUnits(value, digits);
}
