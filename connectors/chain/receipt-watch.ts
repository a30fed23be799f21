import { setTimeout as pause } from 'node:timers/promises';
import { numberToHex } from 'viem';
import type { BuiltTx } from '../../processors/trading/index.ts';
import type { ChainRpc } from './rpc.ts';
import { parseSigned, type SignedTx } from './signed-tx.ts';
import { VenueError } from './venue.ts';

/** The part of a node's receipt that is used. */
export interface MinedReceipt {
  readonly status: 'success' | 'reverted';
  readonly blockNumber: number;
  readonly logs: readonly MinedLog[];
}

export interface MinedLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** Between two questions: quick while most swaps are mined, then sparing the node. */
const QUICK_MS = 25;
const QUICK_FOR_MS = 2_000;
const SLOW_MS = 250;
/** Between two looks at whether the node still knows the transaction. */
const LOOK_AFTER_MS = 1_000;

export interface ReceiptWatch {
  readonly rpc: ChainRpc;
  readonly account: string;
  /** Blocks, the one with the transaction among them, after which it counts. */
  readonly confirmations: number;
  /** Shows the node the same bytes again. */
  readonly resend: (tx: SignedTx) => Promise<void>;
  readonly nowMs: () => number;
}

/**
 * Waits until a transaction is mined and buried as deep as wanted. A reorganisation before that starts the wait again.
 * A transaction that the node has lost is shown to it again, the very same bytes, until its deadline.
 *
 * Throws: VenueError TX_TIMEOUT (not mined), TX_UNCONFIRMED (mined, and not deep enough yet), TX_DROPPED (another
 * transaction took its place), and what the node's absence gives.
 */
export async function watchReceipt(
  watch: ReceiptWatch,
  of: { readonly txHash: string; readonly timeoutS: number; readonly tx?: BuiltTx },
  signal?: AbortSignal,
): Promise<MinedReceipt> {
  const { txHash, timeoutS } = of;
  const tx = of.tx === undefined ? null : parseSigned(of.tx);
  let startedAt = performance.now();
  let lookAt = startedAt + LOOK_AFTER_MS;
  let isMined = false;
  for (;;) {
    const receipt = await receiptOf(watch.rpc, txHash, signal);
    if (receipt !== null && (await isBuried(watch, receipt, signal))) return receipt;
    const now = performance.now();
    // Taken back: nobody has waited for its next block yet.
    if (isMined && receipt === null) startedAt = now;
    isMined = receipt !== null;
    if (now - startedAt >= timeoutS * 1000) throw outOfTime(txHash, timeoutS, isMined);
    if (receipt === null && tx !== null && now >= lookAt) {
      lookAt = now + LOOK_AFTER_MS;
      await lookAfter(watch, tx, signal);
    }
    const wait = now - startedAt < QUICK_FOR_MS ? QUICK_MS : SLOW_MS;
    const left = startedAt + timeoutS * 1000 - now;
    await pause(Math.max(1, Math.min(wait, left)), undefined, { signal });
  }
}

async function isBuried(
  { rpc, confirmations }: ReceiptWatch,
  { blockNumber }: MinedReceipt,
  signal?: AbortSignal,
): Promise<boolean> {
  if (confirmations <= 1) return true;
  const head = Number(await rpc.quantity('eth_blockNumber', [], signal));
  return head - blockNumber + 1 >= confirmations;
}

/** A transaction without a receipt: gone for good, lost by the node, or still waiting there. */
async function lookAfter(watch: ReceiptWatch, tx: SignedTx, signal?: AbortSignal): Promise<void> {
  const { rpc, account, confirmations, nowMs } = watch;
  const head = Number(await rpc.quantity('eth_blockNumber', [], signal));
  const block = numberToHex(Math.max(0, head - confirmations + 1));
  const mined = Number(await rpc.quantity('eth_getTransactionCount', [account, block], signal));
  const receipt = await receiptOf(rpc, tx.txHash, signal);
  if (receipt !== null) return;
  if (mined > tx.nonce) {
    const message = `transaction ${tx.txHash} can no longer be mined: another one took nonce ${tx.nonce}; look the account up on the chain`;
    throw new VenueError('TX_DROPPED', message);
  }
  const known = await rpc.request('eth_getTransactionByHash', [tx.txHash], signal);
  const isLate = tx.deadlineS !== null && nowMs() >= tx.deadlineS * 1000;
  if (known === null && !isLate) await watch.resend(tx);
}

/** Null while there is none. */
export async function receiptOf(
  rpc: ChainRpc,
  txHash: string,
  signal?: AbortSignal,
): Promise<MinedReceipt | null> {
  const method = 'eth_getTransactionReceipt';
  const answer = (await rpc.request(method, [txHash], signal)) as Partial<RpcReceipt> | null;
  if (answer === null) return null;
  const { status, blockNumber, logs } = answer ?? {};
  if ((status !== '0x1' && status !== '0x0') || blockNumber === undefined || !Array.isArray(logs))
    throw rpc.garbage(method, answer);
  return {
    status: status === '0x1' ? 'success' : 'reverted',
    blockNumber: Number(blockNumber),
    logs,
  };
}

interface RpcReceipt {
  readonly status: string;
  readonly blockNumber: string;
  readonly logs: readonly MinedLog[];
}

function outOfTime(txHash: string, timeoutS: number, isMined: boolean): VenueError {
  if (isMined)
    return new VenueError(
      'TX_UNCONFIRMED',
      `transaction ${txHash} is mined, and after ${timeoutS} s not under as many blocks as CONFIRMATIONS says; wait on`,
    );
  return new VenueError(
    'TX_TIMEOUT',
    `transaction ${txHash} has no receipt after ${timeoutS} s; look it up on the chain`,
  );
}
