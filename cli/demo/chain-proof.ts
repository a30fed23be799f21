import type { ExecCompletedPayload, PlanCreatedPayload } from '../../avro/index.ts';
import { ChainRpc, receiptOf } from '../../connectors/chain/index.ts';
import type { Outcome } from './outcome.ts';

/** What one completed intent says that the chain did. Units: decimal text. */
export interface ClaimedSwap {
  readonly base: string;
  readonly quote: string;
  readonly amountIn: string;
  readonly amountOut: string;
  readonly minOut: string;
  readonly txHash: string;
}

/** What the chain says of the completed intents. Shape: part of what `--json` prints. */
export interface ChainProof {
  /** With a receipt of status 1. */
  readonly mined: number;
  /** Completed intents without one: the hash, or the intent when its events were not to be had. */
  readonly missing: readonly string[];
  readonly example: (ClaimedSwap & { readonly block: number }) | null;
}

/** Looks up the transaction of every completed intent on the chain itself. */
export async function proveSwaps(
  outcomes: readonly Outcome[],
  rpcUrl: string,
): Promise<ChainProof> {
  const rpc = new ChainRpc(rpcUrl);
  const missing: string[] = [];
  let mined = 0;
  let example: ChainProof['example'] = null;
  for (const outcome of outcomes) {
    if (outcome.end?.state !== 'Completed') continue;
    const swap = claimedBy(outcome);
    const receipt = swap && (await receiptOf(rpc, swap.txHash));
    if (swap === null)
      missing.push(`intent ${outcome.answer.intentId}, whose events are not there`);
    else if (receipt?.status !== 'success') missing.push(swap.txHash);
    else {
      mined += 1;
      example ??= { ...swap, block: receipt.blockNumber };
    }
  }
  return { mined, missing, example };
}

/** Null: its events do not say. */
function claimedBy({ events }: Outcome): ClaimedSwap | null {
  const payload = (topic: string): unknown => events.find((each) => each.topic === topic)?.payload;
  const plan = payload('plan.created') as PlanCreatedPayload | undefined;
  const done = payload('exec.completed') as ExecCompletedPayload | undefined;
  const step = plan?.steps[0];
  if (step === undefined || done === undefined) return null;
  const { base, quote, amount_in: amountIn, min_out: minOut } = step;
  return { base, quote, amountIn, minOut, amountOut: done.amountOut, txHash: done.txHash };
}

/** The proof for a reader. */
export function proofLines({ mined, missing, example }: ChainProof): readonly string[] {
  return [
    '',
    `${mined} swaps are on the chain with status 1, ${missing.length} are not`,
    ...missing.map((hash) => `  missing ${hash}`),
    ...(example === null
      ? []
      : [
          `  ${example.txHash} in block ${example.block}`,
          `  ${example.amountIn} ${example.base} for ${example.amountOut} ${example.quote}, at least ${example.minOut}`,
        ]),
  ];
}
