/**
 * What one unit of an asset is taken to be worth for `mock_pnl_usd`. They never change, so that the sum does not depend on when
 * it is made; an asset that is not listed counts as worth nothing.
 *
 * Units: dollars, decimal text.
 */
export const MOCK_MARKS_USD: Readonly<Record<string, string>> = {
  DAI: '1',
  USDC: '1',
  WETH: '2500',
};
