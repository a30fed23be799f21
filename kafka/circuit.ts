/** closed: all pass; open: none does; half-open: one is let through, and decides. */
export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitOptions {
  /** Failures in a row that open it. */
  readonly threshold: number;
  /** How long it stays open before one may try. */
  readonly openMs: number;
  readonly onState?: (target: string, state: CircuitState) => void;
}

/** A target is left alone after this many failures in a row, and for how long. */
export const CIRCUIT_DEFAULTS = { threshold: 5, openMs: 10_000 } as const;

/** Leave to try a target once; given back by `leave`. */
export interface Pass {
  readonly target: string;
  /** The one that decides whether a half-open circuit closes. */
  readonly isProbe: boolean;
}

interface Circuit {
  state: CircuitState;
  failures: number;
  isProbed: boolean;
}

/**
 * The circuit breakers of a process, one per target of effects, shared by its tasks: a target in trouble is not made
 * worse, and no attempt is spent on it.
 *
 * Not journaled: they decide when an effect is tried, never what its result is.
 */
export class Circuits {
  readonly #options: CircuitOptions;
  readonly #byTarget = new Map<string, Circuit>();
  readonly #watchers = new Set<() => void>();

  constructor(options: CircuitOptions = CIRCUIT_DEFAULTS) {
    this.#options = options;
  }

  /** null: not now; `watch` tells when to ask again. */
  enter(target: string): Pass | null {
    const circuit = this.#circuit(target);
    if (circuit.state === 'closed') return { target, isProbe: false };
    if (circuit.state === 'open' || circuit.isProbed) return null;
    circuit.isProbed = true;
    return { target, isProbe: true };
  }

  /** `isUp`: whether the target was there; null: cancelled, nothing was learnt. */
  leave({ target, isProbe }: Pass, isUp: boolean | null): void {
    const circuit = this.#circuit(target);
    // What was under way when it opened says nothing about the target now.
    if (circuit.state !== 'closed' && !isProbe) return;
    circuit.isProbed = false;
    if (isUp === true) this.#succeed(target, circuit);
    else if (isUp === false) this.#fail(target, circuit);
    else if (isProbe) this.#wake();
  }

  /** Called when what was refused may be tried. Returns what ends it. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  #succeed(target: string, circuit: Circuit): void {
    circuit.failures = 0;
    if (circuit.state === 'closed') return;
    this.#turn(target, circuit, 'closed');
    this.#wake();
  }

  #fail(target: string, circuit: Circuit): void {
    circuit.failures += 1;
    if (circuit.state === 'closed' && circuit.failures < this.#options.threshold) return;
    this.#turn(target, circuit, 'open');
    const halfOpen = (): void => {
      this.#turn(target, circuit, 'half-open');
      this.#wake();
    };
    setTimeout(halfOpen, this.#options.openMs).unref();
  }

  #circuit(target: string): Circuit {
    let circuit = this.#byTarget.get(target);
    if (circuit === undefined) {
      circuit = { state: 'closed', failures: 0, isProbed: false };
      this.#byTarget.set(target, circuit);
    }
    return circuit;
  }

  #turn(target: string, circuit: Circuit, state: CircuitState): void {
    circuit.state = state;
    this.#options.onState?.(target, state);
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
