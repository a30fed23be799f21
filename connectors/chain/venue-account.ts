import { getAddress, type Hex } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';

/** As plans name the venue on a chain. */
export const UNISWAP = 'uniswap_v3';

/** Key of an account's actor: `chainId:address`, the address in its one spelling. */
export function accountOf(chainId: number, address: string): string {
  return `${chainId}:${getAddress(address)}`;
}

/** The address that signs with a private key. */
export function addressOf(privateKey: string): string {
  return privateKeyToAddress(privateKey as Hex);
}
