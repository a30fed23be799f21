import type { World } from './world.ts';

/**
 * A process of the simulation. What was killed never goes on: its timers do not fire and what it waits for does
 * not come, though what it has sent may still arrive. What was paused goes on where it stopped, too late.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly #world: World;
  readonly #stashed: (() => void)[] = [];
  isAlive = true;
  isPaused = false;
  /** How far its wall clock is off. */
  clockSkewMs = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  kill(): void {
    if (!this.isAlive) return;
    this.#world.note(this.name, 'killed');
    this.isAlive = false;
    this.#stashed.length = 0;
  }

  pause(): void {
    if (!this.isAlive || this.isPaused) return;
    this.#world.note(this.name, 'paused');
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.#world.note(this.name, 'resumed');
    this.isPaused = false;
    for (const again of this.#stashed.splice(0)) again();
  }

  /** Keeps what happens while it is paused. */
  stash(again: () => void): void {
    this.#stashed.push(again);
  }
}
