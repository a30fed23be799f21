import { type Address, getAddress, isAddress } from 'viem';

/** Where the contracts that swaps need stand on one chain. */
export interface ChainContracts {
  readonly factory: Address;
  readonly router: Address;
  readonly quoter: Address;
  /** Symbol of the token that ether is wrapped into. */
  readonly wrapped: string;
  /** By symbol, as config/assets.json has it. */
  readonly tokens: ReadonlyMap<string, Address>;
}

export class ChainContractsError extends Error {
  override readonly name = 'ChainContractsError';
  readonly code = 'CHAIN_UNKNOWN';
  readonly reaction = 'stop';
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The contracts of a chain, from config/chains.json.
 *
 * Throws: ChainContractsError (stop) when the chain is not listed or an address is none.
 */
export function contractsOf(chainId: number, chains: unknown): ChainContracts {
  const known = objectOf(chains, 'the file');
  const chain = known[String(chainId)];
  if (chain === undefined) {
    const listed = Object.keys(known).join(', ');
    throw new ChainContractsError(
      `config/chains.json has no chain ${chainId}, only ${listed}. Add the addresses of its contracts, or set CHAIN_ID to one of these.`,
    );
  }
  const where = `chain ${chainId}`;
  const { factory, router, quoter, wrapped, tokens } = objectOf(chain, where);
  const bySymbol = Object.entries(objectOf(tokens, `${where}, tokens`)).map(
    ([symbol, address]) => [symbol, addressOf(address, `${where}, token ${symbol}`)] as const,
  );
  const contracts: ChainContracts = {
    factory: addressOf(factory, `${where}, factory`),
    router: addressOf(router, `${where}, router`),
    quoter: addressOf(quoter, `${where}, quoter`),
    wrapped: String(wrapped),
    tokens: new Map(bySymbol),
  };
  if (contracts.tokens.has(contracts.wrapped)) return contracts;
  throw invalid(`${where}, wrapped is ${contracts.wrapped}; name one of its tokens`);
}

function addressOf(value: unknown, where: string): Address {
  if (typeof value === 'string' && isAddress(value)) return getAddress(value);
  throw invalid(`${where} is ${JSON.stringify(value)}; give an address`);
}

function objectOf(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`${where} is no object; see the others for the shape`);
}

function invalid(problem: string): ChainContractsError {
  return new ChainContractsError(`config/chains.json: ${problem}.`);
}
