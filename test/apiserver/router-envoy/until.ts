/**
 * Waits for the world to be as expected.
 */
import { setTimeout as delay } from "node:timers/promises";

/** Resolves when `check` is true; rejects, naming what was waited for, when it is not in time. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMilliseconds = 15_000,
): Promise<void> {
  const end = performance.now() + timeoutMilliseconds;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`waited ${timeoutMilliseconds} ms in vain until ${what}`);
    await delay(50);
  }
}
