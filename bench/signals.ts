import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What has to end before this process does. */
export interface Held {
  stop(): Promise<void>;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A child asked to end gets this long: `millrace up` ends four servers and four apps meanwhile. */
const END_LIMIT_MS = 30_000;

/** In the order in which they came. */
const held = new Set<Held>();
let ending: Promise<void> | null = null;

/**
 * Whoever is held is stopped when a signal asks this process to end, the last one first; only then it ends, with 1. A signal that
 * comes again changes nothing: a terminal and npm, or `timeout` and its group, send each of theirs.
 */
export function hold<Each extends Held>(each: Each): Each {
  if (held.size === 0) for (const signal of SIGNALS) process.on(signal, endAll);
  held.add(each);
  return each;
}

/** It has ended, or others see to it. */
export function release(each: Held): void {
  held.delete(each);
  if (held.size === 0 && ending === null)
    for (const signal of SIGNALS) process.removeListener(signal, endAll);
}

/** A child that ends with this process, or by itself before. */
export function holdChild<Child extends ChildProcess>(child: Child): Child {
  const each = hold({ stop: () => endOf(child) });
  child.once('close', () => release(each));
  child.once('error', () => release(each));
  return child;
}

function endAll(): void {
  ending ??= stopAll().finally(() => process.exit(1));
}

async function stopAll(): Promise<void> {
  for (const each of [...held].reverse()) await each.stop().catch(() => undefined);
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), END_LIMIT_MS);
  await ended;
  clearTimeout(limit);
}
