import { type Address, getAddress, isAddress } from 'viem';

/** Where the contracts that swaps need stand on one chain. */
export interface Deployment {
  readonly factory: Address;
  readonly router: Address;
  readonly quoter: Address;
  /** Symbol of the token that ether is wrapped into. */
  readonly wrapped: string;
  /** By symbol, as config/assets.json has it. */
  readonly tokens: ReadonlyMap<string, Address>;
}

export class DeploymentError extends Error {
  override readonly name = 'DeploymentError';
  readonly code = 'CHAIN_UNKNOWN';
  readonly reaction = 'stop';
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The contracts of a chain, from config/chains.json.
 *
 * Throws: DeploymentError (stop) when the chain is not listed or an address is none.
 */
export function deploymentOf(chainId: number, chains: unknown): Deployment {
  const known = objectOf(chains, 'the file');
  const chain = known[String(chainId)];
  if (chain === undefined) {
    const listed = Object.keys(known).join(', ');
    throw new DeploymentError(
      `config/chains.json has no chain ${chainId}, only ${listed}. Add the addresses of its contracts, or set CHAIN_ID to one of these.`,
    );
  }
  const where = `chain ${chainId}`;
  const { factory, router, quoter, wrapped, tokens } = objectOf(chain, where);
  const bySymbol = Object.entries(objectOf(tokens, `${where}, tokens`)).map(
    ([symbol, address]) => [symbol, addressOf(address, `${where}, token ${symbol}`)] as const,
  );
  const deployment: Deployment = {
    factory: addressOf(factory, `${where}, factory`),
    router: addressOf(router, `${where}, router`),
    quoter: addressOf(quoter, `${where}, quoter`),
    wrapped: String(wrapped),
    tokens: new Map(bySymbol),
  };
  if (deployment.tokens.has(deployment.wrapped)) return deployment;
  throw invalid(`${where}, wrapped is ${deployment.wrapped}; name one of its tokens`);
}

function addressOf(value: unknown, where: string): Address {
  if (typeof value === 'string' && isAddress(value)) return getAddress(value);
  throw invalid(`${where} is ${JSON.stringify(value)}; give an address`);
}

function objectOf(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`${where} is no object; see the others for the shape`);
}

function invalid(problem: string): DeploymentError {
  return new DeploymentError(`config/chains.json: ${problem}.`);
}
