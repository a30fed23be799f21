/**
 * The places that this process gives out among an account's transactions, one after the other.
 *
 * Limits: it knows of no other process that signs for the account, and of nothing before its start but what the
 * node has. Swaps bring a nonce of the account's actor; this is for what comes without one.
 */
export class NonceBook {
  readonly #open = new Set<number>();
  #next = 0;
  #tail: Promise<unknown> = Promise.resolve();

  /** `read`: how many transactions the node knows of; asked while none of ours is open. */
  take(read: () => Promise<number>): Promise<number> {
    const taken = this.#tail.then(async () => {
      if (this.#open.size === 0) this.#next = await read();
      const nonce = this.#next;
      this.#next += 1;
      this.#open.add(nonce);
      return nonce;
    });
    this.#tail = taken.catch(() => undefined);
    return taken;
  }

  /** Its transaction is mined, or never will be. */
  settle(nonce: number): void {
    this.#open.delete(nonce);
  }
}
