/** A token as the configuration knows it. */
export interface Asset {
  readonly symbol: string;
  /** Decimals of its smallest unit. */
  readonly decimals: number;
}

/** A pool that plans may use. */
export interface Pool {
  /** `WETH/USDC`: the id of its snapshots, whichever way a swap goes. */
  readonly id: string;
  readonly base: string;
  readonly quote: string;
  /** Hundredths of a basis point. */
  readonly fee: number;
}

/** What may be traded, and where. Shape: config/assets.json, checked by `parseAssets`. */
export interface Assets {
  readonly assets: ReadonlyMap<string, Asset>;
  readonly pools: readonly Pool[];
}

export class AssetsError extends Error {
  override readonly name = 'AssetsError';
  readonly code = 'ASSETS_INVALID';
}

const MAX_DECIMALS = 36;
const FEE_UNIT = 1_000_000;

/**
 * Checks the assets configuration.
 *
 * Throws: AssetsError (stop) with the first thing that is wrong.
 */
export function parseAssets(config: unknown): Assets {
  const { assets: listed, pools } = objectOf(config, 'the configuration');
  const assets = new Map(
    Object.entries(objectOf(listed, 'assets')).map(([symbol, value]) => [
      symbol,
      { symbol, decimals: integerOf(value, 'decimals', `assets.${symbol}`, MAX_DECIMALS) },
    ]),
  );
  if (!Array.isArray(pools)) throw invalid('pools is not a list; list at least one pool');
  return { assets, pools: pools.map((pool: unknown, index) => poolOf(pool, index, assets)) };
}

/** The pool of a pair, whichever of the two is sold; undefined when there is none. */
export function findPool(assets: Assets, base: string, quote: string): Pool | undefined {
  return assets.pools.find(
    (pool) =>
      (pool.base === base && pool.quote === quote) || (pool.base === quote && pool.quote === base),
  );
}

function poolOf(value: unknown, index: number, assets: ReadonlyMap<string, Asset>): Pool {
  const where = `pools[${index}]`;
  const { id, base, quote } = objectOf(value, where);
  const symbol = (side: unknown, name: string): string => {
    if (typeof side === 'string' && assets.has(side)) return side;
    throw invalid(`${where}.${name} is ${JSON.stringify(side)}; name one of the assets`);
  };
  if (typeof id !== 'string' || id === '') throw invalid(`${where}.id is missing; give it a name`);
  return {
    id,
    base: symbol(base, 'base'),
    quote: symbol(quote, 'quote'),
    fee: integerOf(value, 'fee', where, FEE_UNIT - 1),
  };
}

function objectOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw invalid(`${where} is not an object; see config/assets.json for the shape`);
}

function integerOf(value: unknown, name: string, where: string, max: number): number {
  const found = objectOf(value, where)[name];
  if (Number.isInteger(found) && (found as number) >= 0 && (found as number) <= max)
    return found as number;
  throw invalid(`${where}.${name} is ${JSON.stringify(found)}; give an integer from 0 to ${max}`);
}

function invalid(problem: string): AssetsError {
  return new AssetsError(`assets configuration: ${problem}`);
}
