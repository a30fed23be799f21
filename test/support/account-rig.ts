import { AvroCodec, CATALOGUE_RECORDS, envelope } from '../../avro/index.ts';
import type { Envelope, EventRecord } from '../../engine/event.ts';
import type { OpenEffect } from '../../engine/task-state.ts';
import type {
  AccountFillArgs,
  PreparationBuildArgs,
  SwapBuildArgs,
  SwapPreparation,
  SwapSubmitArgs,
} from '../../processors/trading/index.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { orchestratorTopology } from '../../topologies/orchestrator.ts';

const ACCOUNT = '31337:0xabc';
/** Units: microseconds. */
export const SECOND = 1_000_000;
/** The first free place of the account. */
export const FIRST = 5;

/** An account as a node has it: one transaction a place, mined in their order. */
class Chain {
  mined = FIRST;
  readonly known = new Map<number, string>();

  get pending(): number {
    let next = this.mined;
    while (this.known.has(next)) next += 1;
    return next;
  }

  mine(): void {
    this.mined = this.pending;
  }
}

/** The orchestrator in memory, with one account on a chain that keeps places as a node does. */
export class AccountRig {
  readonly chain = new Chain();
  /** What has to be done before any swap. */
  lacks: readonly SwapPreparation[] = [];
  /** Whether a step looks at the chain itself before it asks for places. */
  looks = false;
  readonly driver = new TopologyDriver({
    topology: orchestratorTopology({
      ...{ maxAttempts: 3, retryDelaysMs: [1_000] },
      accounts: { uniswap_v3: ACCOUNT },
    }),
    codec: AvroCodec.offline({ subjects: CATALOGUE_RECORDS }),
  });

  publishPlan(id: string): void {
    const step = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '1', min_out: '2' };
    const payload = { planId: `plan-${id}`, intentId: id, steps: [step] };
    const facts = { correlationId: `intent-${id}`, sequence: 4 };
    this.driver.publish(envelope('plan.created', payload, facts));
  }

  /** Its step has looked what it lacks, and has asked for its places. */
  plan(id: string): void {
    this.publishPlan(id);
    this.perform('swap.prepare');
  }

  open(name: string): readonly OpenEffect[] {
    return this.driver.openEffects.filter(({ request }) => request.name === name);
  }

  /** What the chain makes of an effect; undefined: nothing yet. */
  answer({ request }: OpenEffect): { value: unknown } | { code: string } | undefined {
    const { name, args } = request;
    const { chain } = this;
    if (name === 'account.read' || name === 'account.look') return { value: chain.pending };
    if (name === 'account.fill') {
      const { nonce } = args as AccountFillArgs;
      chain.known.set(nonce, 'nothing');
      return { value: null };
    }
    if (name === 'swap.prepare') {
      const pending = this.looks ? chain.pending : null;
      return { value: { preparations: this.lacks, pending } };
    }
    if (name === 'preparation.build') {
      const { nonce = -1, preparation } = args as PreparationBuildArgs;
      return { value: { txHash: `0x${preparation.kind}-${nonce}`, raw: `${nonce}`, nonce } };
    }
    if (name === 'swap.build') {
      const { nonce = -1, planId } = args as SwapBuildArgs;
      return { value: { txHash: `0x${planId}`, raw: `${nonce}`, nonce } };
    }
    const { tx } = args as SwapSubmitArgs;
    const nonce = tx.nonce ?? -1;
    if (name === 'swap.submit') {
      const there = chain.known.get(nonce);
      if (there !== undefined && there !== tx.txHash) return { code: 'NONCE_TOO_LOW' };
      chain.known.set(nonce, tx.txHash);
      return { value: tx.txHash };
    }
    if (nonce >= chain.mined) return undefined;
    return { value: { status: 1, txHash: tx.txHash, amountOut: '2.5' } };
  }

  /** Performs effects, of some names only, until the chain has no answer for any that is open. */
  perform(...names: readonly string[]): void {
    for (let found = true; found;) {
      found = false;
      for (const effect of this.driver.openEffects) {
        const { name } = effect.request;
        const result = names.length === 0 || names.includes(name) ? this.answer(effect) : undefined;
        if (result === undefined) continue;
        found = true;
        if ('code' in result) this.fail(effect, result.code);
        else this.settle(effect, result.value);
        break;
      }
    }
  }

  settle(effect: OpenEffect | undefined, value: unknown): void {
    if (effect === undefined) throw new Error('there is no such effect');
    const { id, name } = effect.request;
    this.driver.settle(effect, { ok: true, id, name, value });
  }

  fail(effect: OpenEffect | undefined, code: string, kind: 'final' | 'retry' = 'final'): void {
    if (effect === undefined) throw new Error('there is no such effect');
    const { id, name } = effect.request;
    this.driver.settle(effect, { ok: false, id, name, code, reason: 'why', kind });
  }

  /** Places of the swaps that are to be built now. */
  asked(): readonly number[] {
    return this.open('swap.build').map(
      ({ request }) => (request.args as SwapBuildArgs).nonce ?? -1,
    );
  }

  /** Envelopes of an intent's exec.*, in order. */
  execOf(id: string): readonly Envelope[] {
    return this.driver
      .on('exec')
      .map(({ value }) => (value as EventRecord).envelope)
      .filter(({ correlation_id: of }) => of === `intent-${id}`);
  }
}
