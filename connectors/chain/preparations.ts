import type { Address } from 'viem';
import { fromUnits, type SwapPreparation } from '../../processors/trading/index.ts';
import type { ChainReader } from './chain-reader.ts';
import { VenueError } from './venue.ts';

/** Decimals of a chain's own coin. */
export const ETHER = 18;
/** From here on an allowance is one that no swap uses up; what is less belongs to one swap. */
const STANDING = 2n ** 255n;

/** Whose balance of which token. */
export interface Holding {
  readonly reader: Pick<ChainReader, 'balance' | 'allowance' | 'funds'>;
  readonly owner: Address;
  readonly token: Address;
  /** Whether ether can be made into the token. */
  readonly isWrapped: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What is to be sold; `amount` and `units` say the same. */
export interface Sale {
  readonly asset: string;
  readonly amount: string;
  readonly units: bigint;
}

/** What an account has to do before it can sell, in order. Throws: VenueError INSUFFICIENT_FUNDS. */
export async function preparationsOf(
  holding: Holding,
  sale: Sale,
  how: {
    readonly approval: 'exact' | 'unlimited';
    /** Smallest units of the asset as decimal text. */
    readonly text: (units: bigint) => string;
  },
): Promise<readonly SwapPreparation[]> {
  const { reader, owner, token, signal } = holding;
  const { asset, amount, units } = sale;
  const [balance, allowance] = await Promise.all([
    reader.balance(token, owner, signal),
    reader.allowance(token, owner, signal),
  ]);
  const preparations: SwapPreparation[] = [];
  if (balance < units) {
    const missing = units - balance;
    await refuseTooLittle(holding, asset, { units: missing, text: how.text(missing) });
    preparations.push({ kind: 'wrap', asset, amount: how.text(missing) });
  }
  if (allowance < STANDING) {
    const approved = how.approval === 'unlimited' ? 'unlimited' : amount;
    preparations.push({ kind: 'approve', asset, amount: approved });
  }
  return preparations;
}

/** Throws: VenueError INSUFFICIENT_FUNDS when ether cannot make up for what is missing. */
async function refuseTooLittle(
  { reader, owner, isWrapped, signal }: Holding,
  asset: string,
  missing: { readonly units: bigint; readonly text: string },
): Promise<void> {
  const funds = isWrapped ? await reader.funds(owner, signal) : 0n;
  if (funds > missing.units) return;
  const instead = isWrapped ? `, and ${fromUnits(funds, ETHER)} ether to wrap` : '';
  const message = `${owner} has ${missing.text} ${asset} too little${instead}; send it more`;
  throw new VenueError('INSUFFICIENT_FUNDS', message);
}
