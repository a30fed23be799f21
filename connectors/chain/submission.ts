import { receiptOf } from './receipt-watch.ts';
import { refusedTransaction, remedyOf } from './refusals.ts';
import { type ChainRpc, RpcRefusal, RpcTrouble } from './rpc.ts';
import type { SignedTx } from './signed-tx.ts';
import { VenueError } from './venue.ts';

/** Tries to hand the same bytes in while nobody can say whether the node has them. */
const SUBMIT_TRIES = 3;

/** Hands signed transactions to a node, so that whatever happens on the way each is executed once at most. */
export class Submission {
  readonly #rpc: ChainRpc;
  readonly #nowMs: () => number;

  constructor(rpc: ChainRpc, nowMs: () => number) {
    this.#rpc = rpc;
    this.#nowMs = nowMs;
  }

  /** Settles when the node has it, or when nobody can say. Throws: VenueError when the node does not have it. */
  async handIn(signed: SignedTx, signal?: AbortSignal): Promise<void> {
    const { raw, txHash, deadlineS } = signed;
    if (deadlineS !== null) refuseLate(deadlineS, this.#nowMs(), `transaction ${txHash}`);
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#rpc.request('eth_sendRawTransaction', [raw], signal);
        return;
      } catch (error) {
        if (error instanceof RpcRefusal) return this.#refused(signed, error);
        if (!(error instanceof RpcTrouble)) throw error;
        if (!error.isUnclear) {
          // Never sent this time; an earlier try of this call may have been.
          if (tries > 1) return;
          throw error;
        }
        if (tries === SUBMIT_TRIES) return;
      }
    }
  }

  /** A refusal decides nothing here: what is known by then elsewhere may still be mined. */
  async resend(signed: SignedTx, signal?: AbortSignal): Promise<void> {
    try {
      await this.handIn(signed, signal);
    } catch (error) {
      if (!(error instanceof VenueError) || error instanceof RpcTrouble) throw error;
    }
  }

  #refused({ txHash, nonce }: SignedTx, refusal: RpcRefusal): void {
    const code = refusedTransaction(refusal);
    if (code === 'ALREADY_KNOWN') return;
    const remedy = remedyOf(code) ?? 'Look at the node';
    const message = `the node refuses transaction ${txHash}, nonce ${nonce}: ${refusal.message}. ${remedy}`;
    throw new VenueError(code, message);
  }

  /** Whether the node has it, pending or mined; false when it cannot be asked. */
  async knows({ txHash }: SignedTx, signal?: AbortSignal): Promise<boolean> {
    try {
      const known = await this.#rpc.request('eth_getTransactionByHash', [txHash], signal);
      return known !== null || (await receiptOf(this.#rpc, txHash, signal)) !== null;
    } catch (error) {
      if (error instanceof RpcTrouble) return false;
      throw error;
    }
  }
}

/** Throws: VenueError DEADLINE_PASSED. */
export function refuseLate(deadlineS: number, nowMs: number, what: string): void {
  const nowS = Math.floor(nowMs / 1000);
  if (nowS < deadlineS) return;
  const message = `${what} had to be done before ${deadlineS} (seconds since 1970), and it is ${nowS}; plan it again`;
  throw new VenueError('DEADLINE_PASSED', message);
}
