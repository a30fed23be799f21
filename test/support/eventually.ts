import { setTimeout as pause } from 'node:timers/promises';

/** Waits for a condition. Throws: Error that names it when it does not come true in time. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${deadlineMs} ms: ${what}.`);
    await pause(10);
  }
}
