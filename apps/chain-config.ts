import { BUMP_AFTER_S } from '../processors/trading/index.ts';
import type { ConfigReader } from './config-reader.ts';
import type { Secret } from './secret.ts';

/** Where swaps go, and who signs them. */
export interface ChainConfig {
  readonly mock: boolean;
  readonly rpcUrl: string | null;
  /** Of the chain that `--chain anvil` starts. */
  readonly anvilPort: number;
  /** What that chain is a fork of; null: of nothing. */
  readonly forkUrl: string | null;
  readonly chainId: number;
  readonly mainnetFork: boolean;
  /** Of the account that swaps; null: not given, which only the orchestrator minds. */
  readonly signerKey: Secret | null;
  /** The account itself, for who may not know its key; null: as the key says. */
  readonly signerAddress: string | null;
  /** Who is paid out; null: the account itself. */
  readonly recipient: string | null;
  /** What the venue may take: a swap's amount, by an approval right before it, or once all there will ever be. */
  readonly approval: 'exact' | 'unlimited';
  /** How long a transaction waits before one that offers more takes its place. */
  readonly bumpAfterS: number;
  /** Blocks after which a receipt counts. */
  readonly confirmations: number;
}

/** What is wrong with the variables is noted in the reader. */
export function chainConfig(reader: ConfigReader): ChainConfig {
  const mock = reader.flag('PLATFORM_MOCK_CHAIN', true);
  for (const variable of mock ? [] : ['ETH_RPC_URL', 'CHAIN_ID']) {
    if (reader.raw(variable) !== null) continue;
    reader.reject(
      variable,
      'needed while PLATFORM_MOCK_CHAIN is false',
      `Set ${variable} to that of the chain, or PLATFORM_MOCK_CHAIN=true to go without one`,
    );
  }
  return {
    mock,
    rpcUrl: reader.url('ETH_RPC_URL', null, ['http:', 'https:']),
    anvilPort: reader.integer('ANVIL_PORT', 18_545, { min: 1, max: 65_535 }),
    forkUrl: reader.url('FORK_RPC_URL', null, ['http:', 'https:']),
    chainId: reader.integer('CHAIN_ID', 31_337, { min: 1, max: 999_999_999_999_999 }),
    mainnetFork: reader.flag('USE_MAINNET_FORK', false),
    signerKey: reader.secretOf('SIGNER_PRIVATE_KEY', 'SIGNER_PRIVATE_KEY_FILE', {
      pattern: /^0x[0-9a-fA-F]{64}$/,
      problem: 'not a private key',
      remedy:
        'Set SIGNER_PRIVATE_KEY to 0x and 64 hexadecimal digits, or the file to a file of those',
    }),
    signerAddress: address(reader, 'SIGNER_ADDRESS', 'where the key is known'),
    recipient: address(reader, 'SWAP_RECIPIENT', 'for the account itself'),
    approval: reader.choice('SWAP_APPROVAL', 'exact', ['exact', 'unlimited']),
    bumpAfterS: reader.integer('SWAP_BUMP_AFTER_S', BUMP_AFTER_S, { min: 1, max: BUMP_AFTER_S }),
    confirmations: reader.integer('CONFIRMATIONS', 1, { min: 1, max: 1_000 }),
  };
}

function address(reader: ConfigReader, variable: string, otherwise: string): string | null {
  if (reader.raw(variable) === null) return null;
  return reader.text(variable, '', {
    pattern: /^0x[0-9a-fA-F]{40}$/,
    problem: 'not an address',
    remedy: `Set ${variable} to 0x and 40 hexadecimal digits, or leave it out ${otherwise}`,
  });
}
